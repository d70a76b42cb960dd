package rules

import "weishao.dev/weishao/rules/lang"

// Over reports whether a rule that was raised at a device, by this engine or by one
// before it, holds no longer. It is true only if what the rule asks for is known, as
// it is to clear, and no hold is running; unknown where nobody can tell: a reading is
// missing, or there is no such rule or device any more.
func (e *Engine) Over(rule, device string) lang.Truth {
	d := e.byID[device]
	if d == nil || d.cell == nil {
		return lang.Unknown
	}
	c := d.cell
	e.setClock(c)
	m := moment{&c.cur, max(c.cur.LastT, c.clock), c}
	over, found := lang.True, false
	for i, in := range c.insts {
		if in.rule.Name != rule || !in.about(int(d.nth)) {
			continue
		}
		found = true
		switch {
		case c.cur.phase(i).Stage != idle:
			return lang.False
		case in.clear != nil:
			over = over.And(in.clear.truth(&m))
		default:
			over = over.And(in.when.truth(&m).Not())
		}
	}
	if !found {
		return lang.Unknown
	}
	return over
}
