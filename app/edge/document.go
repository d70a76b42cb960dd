package edge

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// document is a YAML file that is changed in a few places and keeps its other keys,
// their order and its comments. Blank lines between keys are lost where anything
// is changed.
type document struct {
	text    []byte
	root    yaml.Node
	changed bool
}

func parseDocument(file string, text []byte) (*document, error) {
	d := &document{text: text}
	if err := yaml.Unmarshal(text, &d.root); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(d.root.Content) != 1 || d.root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: a mapping (key: value) belongs here", file)
	}
	return d, nil
}

// find is the value at a path of keys; nil if it is not there.
func (d *document) find(path ...string) *yaml.Node {
	n := d.root.Content[0]
	for _, key := range path {
		if n = value(n, key); n == nil {
			return nil
		}
	}
	return n
}

func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// get is the text at a path of keys; "" if it is not there.
func (d *document) get(path ...string) string {
	if n := d.find(path...); n != nil {
		return n.Value
	}
	return ""
}

// set puts a text at a path of keys, with the mappings on the way.
func (d *document) set(text string, path ...string) {
	n := d.root.Content[0]
	for i, key := range path {
		next := value(n, key)
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode}
			if i == len(path)-1 {
				next = &yaml.Node{Kind: yaml.ScalarNode}
			}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, next)
		}
		n = next
	}
	if n.Kind == yaml.ScalarNode && n.Value == text && text != "" {
		return
	}
	comments := *n
	*n = yaml.Node{HeadComment: comments.HeadComment, LineComment: comments.LineComment, FootComment: comments.FootComment}
	n.SetString(text)
	d.changed = true
}

// String is the file as it is now; byte for byte as it was if nothing changed.
func (d *document) String() (string, error) {
	if !d.changed {
		return string(d.text), nil
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&d.root); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}
