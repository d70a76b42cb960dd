package site

import (
	"weishao.dev/weishao/internal/conf"
)

// The shape of the file. See docs/site.md for a worked example.

type file struct {
	Name        Text            `yaml:"name"`
	Timezone    conf.At[string] `yaml:"timezone"`
	LEL         fileLEL         `yaml:"lel"`
	Metrics     []fileMetric    `yaml:"metrics"`
	People      []filePerson    `yaml:"people"`
	Communities []fileLevel     `yaml:"communities"`
	Zones       []fileZone      `yaml:"zones"`
	Nodes       []fileNode      `yaml:"nodes"`
	Devices     []fileDevice    `yaml:"devices"`
}

type fileLEL struct {
	Methane conf.At[float64] `yaml:"methane"` // % vol
	LPG     conf.At[float64] `yaml:"lpg"`     // % vol
}

type fileMetric struct {
	Pos  conf.Pos `yaml:"-"`
	Name string   `yaml:"name"`
	Unit string   `yaml:"unit"`
	Min  float64  `yaml:"min"`
	Max  float64  `yaml:"max"`
	Text Text     `yaml:"text"`
}

type filePerson struct {
	Pos   conf.Pos        `yaml:"-"`
	ID    conf.At[string] `yaml:"id"`
	Name  Text            `yaml:"name"`
	Role  conf.At[string] `yaml:"role"`
	Phone string          `yaml:"phone"`
	Pages []string        `yaml:"pages"`
}

// fileLevel serves all rungs; which children a rung may have is checked.
type fileLevel struct {
	Pos       conf.Pos        `yaml:"-"`
	ID        conf.At[string] `yaml:"id"`
	Name      Text            `yaml:"name"`
	Leader    conf.At[string] `yaml:"leader"`
	Duty      *fileDuty       `yaml:"duty"`
	Grids     []fileLevel     `yaml:"grids"`
	Areas     []fileLevel     `yaml:"areas"`
	Buildings []fileLevel     `yaml:"buildings"`
	Units     []fileLevel     `yaml:"units"`
	Dwellings []fileLevel     `yaml:"dwellings"`
	Places    []filePlace     `yaml:"places"`
}

type filePlace struct {
	Pos  conf.Pos        `yaml:"-"`
	ID   conf.At[string] `yaml:"id"`
	Name Text            `yaml:"name"`
	Zone conf.At[string] `yaml:"zone"`
}

type fileZone struct {
	Pos        conf.Pos          `yaml:"-"`
	ID         conf.At[string]   `yaml:"id"`
	Name       Text              `yaml:"name"`
	Neighbours []conf.At[string] `yaml:"neighbours"`
}

type fileDuty struct {
	Escalate conf.At[conf.Duration] `yaml:"escalate_after"`
	Repeat   conf.At[conf.Duration] `yaml:"repeat_after"`
	Roster   []fileShift            `yaml:"roster"`
}

type fileShift struct {
	Pos    conf.Pos          `yaml:"-"`
	Person conf.At[string]   `yaml:"person"`
	Days   []conf.At[string] `yaml:"days"`
	From   conf.At[string]   `yaml:"from"`
	To     conf.At[string]   `yaml:"to"`
}

type fileNode struct {
	Pos      conf.Pos               `yaml:"-"`
	ID       conf.At[string]        `yaml:"id"`
	Name     Text                   `yaml:"name"`
	Place    conf.At[string]        `yaml:"place"`
	Interval conf.At[conf.Duration] `yaml:"interval"`
	Metrics  map[string]fileMapping `yaml:"metrics"`
}

type fileDevice struct {
	Pos        conf.Pos               `yaml:"-"`
	ID         conf.At[string]        `yaml:"id"`
	Place      conf.At[string]        `yaml:"place"`
	Placement  conf.At[string]        `yaml:"placement"`
	Model      string                 `yaml:"model"`
	Serial     string                 `yaml:"serial"`
	Interval   conf.At[conf.Duration] `yaml:"interval"`
	Rating     conf.At[string]        `yaml:"rating"` // "16 A"
	Calibrated conf.At[string]        `yaml:"calibrated"`
	EndOfLife  conf.At[string]        `yaml:"end_of_life"`
	Metrics    map[string]fileMapping `yaml:"metrics"`
}

type fileMapping struct {
	Pos    conf.Pos          `yaml:"-"`
	Metric conf.At[string]   `yaml:"metric"`
	Scale  *conf.At[float64] `yaml:"scale"`
	Offset float64           `yaml:"offset"`
}
