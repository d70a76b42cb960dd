package lang

// maxDepth bounds nesting, so that no text can exhaust the stack.
const maxDepth = 64

// Parse reads an expression. The error is an Error.
func Parse(text string) (Expr, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	e, err := p.expr(0, 0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, p.unexpected(t)
	}
	return e, nil
}

type parser struct {
	tokens []token
	i      int
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) take() token {
	t := p.tokens[p.i]
	if t.kind != end {
		p.i++
	}
	return t
}

// Binding powers; see the package doc.
const (
	powerOr = 1 + iota
	powerAnd
	powerNot
	powerCompare
	powerSum
	powerProduct
	powerSign
)

func power(op string) int {
	switch op {
	case "or":
		return powerOr
	case "and":
		return powerAnd
	case "<", "<=", ">", ">=", "==", "!=":
		return powerCompare
	case "+", "-":
		return powerSum
	case "*", "/":
		return powerProduct
	}
	return 0
}

// expr reads operators that bind tighter than floor (Pratt's method).
func (p *parser) expr(floor, depth int) (Expr, error) {
	if depth > maxDepth {
		return nil, errorf(p.peek().off, "the expression is nested more than %d deep", maxDepth)
	}
	x, err := p.operand(floor, depth)
	if err != nil {
		return nil, err
	}
	for {
		t := p.peek()
		pw := 0
		if t.kind == operator {
			pw = power(t.text)
		}
		if pw <= floor {
			return x, nil
		}
		p.take()
		y, err := p.expr(pw, depth+1)
		if err != nil {
			return nil, err
		}
		x = &Binary{t.off, t.text, x, y}
		if u := p.peek(); pw == powerCompare && u.kind == operator && power(u.text) == powerCompare {
			return nil, errorf(u.off, "comparisons do not chain: write a %s b and b %s c", t.text, u.text)
		}
	}
}

func (p *parser) operand(floor, depth int) (Expr, error) {
	t := p.take()
	switch {
	case t.kind == number:
		return &Number{t.off, t.value, t.unit}, nil
	case t.kind == clock:
		return &Clock{t.off, t.hour}, nil
	case t.kind == word:
		if u := p.peek(); u.kind == operator && u.text == "(" {
			return p.call(t, depth)
		}
		return &Metric{t.off, t.text}, nil
	case t.kind == operator && t.text == "(":
		x, err := p.expr(0, depth+1)
		if err != nil {
			return nil, err
		}
		return x, p.expect(")")
	case t.kind == operator && t.text == "-":
		x, err := p.expr(powerSign, depth+1)
		return &Unary{t.off, "-", x}, err
	case t.kind == operator && t.text == "not" && floor > powerNot:
		return nil, errorf(t.off, "not binds looser than what stands before it: write (not ...)")
	case t.kind == operator && t.text == "not":
		x, err := p.expr(powerNot, depth+1)
		return &Unary{t.off, "not", x}, err
	}
	return nil, p.unexpected(t)
}

func (p *parser) call(name token, depth int) (Expr, error) {
	p.take() // (
	c := &Call{At: name.off, Func: name.text}
	if t := p.peek(); t.kind == operator && t.text == ")" {
		p.take()
		return c, nil
	}
	for {
		x, err := p.expr(0, depth+1)
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, x)
		if t := p.peek(); t.kind != operator || t.text != "," {
			return c, p.expect(")")
		}
		p.take()
	}
}

func (p *parser) expect(op string) error {
	t := p.take()
	if t.kind == operator && t.text == op {
		return nil
	}
	return errorf(t.off, "%s stands where %q should", t, op)
}

func (p *parser) unexpected(t token) error {
	if t.kind == end {
		return errorf(t.off, "the expression ends too early")
	}
	return errorf(t.off, "%s does not fit here", t)
}
