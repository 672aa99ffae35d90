package shell

import (
	"fmt"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// ls lists files first, then what is in directories; each directory has its name above, if there is more than one thing to list.
func (s *session) ls(set *tool.Set) {
	var files []string
	var directories []place
	for _, target := range paths(set, "targets") {
		if !s.each(target, func(p place) {
			if p.node.directory() {
				directories = append(directories, p)
			} else {
				files = append(files, p.last())
			}
		}) {
			fmt.Fprintf(s.Out, "ls: %s: no such file or directory.\n", target)
		}
	}
	s.columned("", files)
	titled, gap := len(files) > 0 || len(directories) > 1, ""
	if len(files) > 0 {
		gap = "\n"
	}
	for _, d := range directories {
		title := ""
		if titled {
			title, gap = gap+d.last()+":\n", "\n"
		}
		s.columned(title, d.node.sorted())
	}
}

// columned writes names below each other, and on a terminal also beside each other. A title without names is left out.
func (s *session) columned(title string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprint(s.Out, title)
	widths, rows := layout(names, s.columns)
	for row := range rows {
		line := ""
		for column, width := range widths {
			i := row + column*rows
			if i >= len(names) {
				continue
			}
			if column == len(widths)-1 {
				width = 0
			}
			line += tool.Pad(names[i], width)
		}
		fmt.Fprintln(s.Out, line)
	}
}

// layout is the widths of as many columns as fit, and how many names are below each other.
func layout(names []string, screen int) (widths []int, rows int) {
	for columns := screen / 4; columns > 1; columns-- {
		rows := (len(names) + columns - 1) / columns
		widths, total := make([]int, columns), 0
		for i, name := range names {
			w := &widths[i/rows]
			*w = max(*w, len(name)+2)
		}
		for _, w := range widths {
			total += w
		}
		if widths[columns-1] > 0 && total <= screen {
			return widths, rows
		}
	}
	return []int{0}, len(names)
}

// absolute is a path from the root.
func absolute(path []string) string { return "/" + strings.Join(path, "/") }
