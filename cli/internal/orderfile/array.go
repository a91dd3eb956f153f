package orderfile

import (
	"errors"
	"io"
)

// deepest is how deep an item may nest; an order nests three deep.
const deepest = 64

// arrayCutter cuts a JSON array into its items. It follows brackets and quotes only: whether an item is good JSON is
// seen later, so that one which is not does not keep it from the next.
type arrayCutter struct {
	*source

	items    int64
	text     []byte // of the item
	tooLong  bool
	unclosed []byte // the brackets that are to be closed
}

// open passes over the bracket that opens the array.
func (c *arrayCutter) open() error {
	b, err := c.visible()
	if err == nil && b != '[' {
		err = c.refuse(c.row, "must be a list, [ … ]; for an object a line say --format ndjson, for CSV --format csv")
	}
	return err
}

func (c *arrayCutter) next() (Line, error) {
	b, err := c.visible()
	if err != nil {
		return Line{}, err
	}
	if b == ']' {
		return Line{}, c.finish()
	}
	if c.items > 0 {
		if b != ',' {
			return Line{}, c.refuse(c.row, "is not JSON: there must be , or ] after item %d, not %q", c.items, b)
		}
		if b, err = c.visible(); err != nil {
			return Line{}, err
		}
	}
	if b == ',' || b == ']' {
		return Line{}, c.refuse(c.row, "is not JSON: there must be an item before %q", b)
	}
	row := c.row
	c.items++
	if err := c.item(b); err != nil {
		return Line{}, err
	}
	return c.cut(c.items, row, c.text, c.tooLong), nil
}

// finish looks at what comes after the array: nothing may.
func (c *arrayCutter) finish() error {
	for {
		b, err := c.byte()
		if err != nil {
			return err
		}
		if !blank(b) {
			return c.refuse(c.row, "is not JSON: more follows after the list")
		}
	}
}

// item reads an item that begins with b.
func (c *arrayCutter) item(b byte) error {
	c.text, c.tooLong, c.unclosed = c.text[:0], false, c.unclosed[:0]
	for {
		c.keep(b)
		switch b {
		case '{', '[':
			if len(c.unclosed) == deepest {
				return c.refuse(c.row, "item %d nests deeper than %d", c.items, deepest)
			}
			c.unclosed = append(c.unclosed, b+2) // in ASCII, what closes it
		case '}', ']':
			if n := len(c.unclosed); n == 0 || c.unclosed[n-1] != b {
				return c.refuse(c.row, "is not JSON: %q in item %d closes nothing", b, c.items)
			}
			c.unclosed = c.unclosed[:len(c.unclosed)-1]
		case '"':
			if err := c.quoted(); err != nil {
				return err
			}
		}
		if len(c.unclosed) == 0 && (b == '}' || b == ']' || b == '"' || c.atEnd()) {
			return nil
		}
		var err error
		if b, err = c.inside(); err != nil {
			return err
		}
	}
}

// atEnd says that a number or a word ends before the next byte. That there is none shows with the next item.
func (c *arrayCutter) atEnd() bool {
	after, err := c.in.Peek(1)
	return err != nil || blank(after[0]) || after[0] == ',' || after[0] == ']'
}

// quoted reads the rest of a text in quotes.
func (c *arrayCutter) quoted() error {
	for {
		b, err := c.inside()
		if err != nil {
			return err
		}
		c.keep(b)
		switch b {
		case '"':
			return nil
		case '\n':
			return c.refuse(c.row-1, "is not JSON: a line ends within a text; a closing \" is missing in item %d", c.items)
		case '\\':
			if b, err = c.inside(); err != nil {
				return err
			}
			c.keep(b)
		}
	}
}

func (c *arrayCutter) keep(b byte) {
	if len(c.text) == MaxText {
		c.tooLong = true
		return
	}
	c.text = append(c.text, b)
}

// visible returns the next byte of the array that is no space.
func (c *arrayCutter) visible() (byte, error) {
	for {
		b, err := c.inside()
		if err != nil || !blank(b) {
			return b, err
		}
	}
}

// inside returns the next byte; the array cannot end here.
func (c *arrayCutter) inside() (byte, error) {
	b, err := c.byte()
	if errors.Is(err, io.EOF) {
		err = c.refuse(c.row, "is not JSON: it ends too early, after item %d; a closing }, ] or \" is missing", c.items)
	}
	return b, err
}

func (c *arrayCutter) byte() (byte, error) {
	b, err := c.in.ReadByte()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = c.unread(err)
		}
		return 0, err
	}
	c.offset++
	if b == '\n' {
		c.row++
	}
	return b, nil
}
