package sparkplug

// Names that Sparkplug B gives.
const (
	MetricBdSeq   = "bdSeq"                // Int64 or UInt64 in NBIRTH and NDEATH: which session dies
	MetricRebirth = "Node Control/Rebirth" // Boolean; true in an NCMD asks for all births again
	PropQuality   = "Quality"              // Int32: QualityBad, QualityGood or QualityStale
	PropEngUnit   = "engUnit"              // String: unit of the metric's value
)

// Values of the property Quality.
const (
	QualityBad   = 0
	QualityGood  = 192
	QualityStale = 500
)

// Names of our own, all below "weishao/" so that they meet no other's.
const (
	MetricEpoch     = "weishao/epoch"          // String in NBIRTH: UUID of the outbox
	MetricVersion   = "weishao/version"        // String in NBIRTH: version of the gateway's program
	MetricConfig    = "weishao/config"         // String in NCMD: parts of a configuration, YAML; in NBIRTH: which of them is in effect
	MetricConfigBad = "weishao/config_problem" // String in NBIRTH: which was not taken last, and why
	MetricRun       = "weishao/run"            // UInt64, AliasRun
	MetricSeq       = "weishao/seq"            // UInt64, AliasSeq
	MetricResend    = "weishao/resend"         // Boolean in NCMD: send again what follows the committed
	MetricNewEpoch  = "weishao/new_epoch"      // Boolean in NCMD: this card's history contradicts itself
	PropWeishaoQual = "weishao/quality"        // String: a telemetry.Quality
	prefixRun       = "weishao/run/"           // + 16 hex digits + one of the below, in NBIRTH
	prefixCommitted = "weishao/committed/"     // + 16 hex digits, UInt64 in NCMD

	runEpoch  = "epoch"  // String: UUID
	runParent = "parent" // UInt64
	runKind   = "kind"   // String: live, alarm, backlog
	runOldest = "oldest" // UInt64
	runNext   = "next"   // UInt64
	runLost   = "lost"   // String: "5-9,12-20"; only if any
)

// Names of a device's properties in its DBIRTH, as metrics.
const (
	MetricModel      = "Properties/model"       // String
	MetricSerial     = "Properties/serial"      // String
	MetricPlacement  = "Properties/placement"   // String
	MetricIntervalMS = "Properties/interval_ms" // Int64: longest time between two readings
)

// Aliases that are fixed on our nodes.
const (
	AliasRun   = 1
	AliasSeq   = 2
	AliasFirst = 16 // first one for a device's metric
)
