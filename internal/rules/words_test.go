package rules

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said, where := make(map[string]bool), make(map[string]string)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		where[s.pkg] = s.path
		if s.file.Doc != nil && len(s.file.Doc.Text()) > 40 {
			said[s.pkg] = true
		}
	}
	for pkg, path := range where {
		if !said[pkg] {
			t.Errorf("%s: no file of package %s has a package comment that says what lives there and what does not", path, pkg)
		}
	}
}

func TestNoRoomIsCalledNothing(t *testing.T) {
	for _, s := range sources(t) {
		base := s.pkg[strings.LastIndexByte(s.pkg, '/')+1:]
		file := strings.TrimSuffix(s.path[strings.LastIndexByte(s.path, '/')+1:], ".go")
		for _, empty := range []string{"util", "utils", "common", "helper", "helpers", "manager", "misc"} {
			if base == empty || file == empty {
				t.Errorf("%s: %q says nothing about what is inside", s.path, empty)
			}
		}
	}
}

// owedWork matches to-do comments; one that names its issue may stay.
var owedWork = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func TestCommentsOweNothing(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.path, "internal/rules/") {
			continue
		}
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if owedWork.MatchString(c.Text) && !strings.Contains(c.Text, "TODO(#") {
					t.Errorf("%s: %s", s.fset.Position(c.Pos()), c.Text)
				}
			}
		}
	}
}

// TestExportedNamesAreDocumented asks for a comment at each exported declaration of a room; a comment on a group of constants or variables
// counts for its members.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && !plainMethod(d) {
					t.Errorf("%s: %s has no comment", s.fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil {
						t.Errorf("%s: %s has no comment", s.fset.Position(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	}
}

// plainMethod reports methods that need no words of their own: those of unexported types, and those that standard interfaces name.
func plainMethod(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return false
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	if name, ok := typ.(*ast.Ident); ok && !name.IsExported() {
		return true
	}
	switch d.Name.Name {
	case "Error", "Unwrap", "String", "Is", "Read", "Write", "Close", "Len", "Less", "Swap", "Key", "MaxVersion", "AppendTo", "ReadFrom":
		return true
	}
	return false
}
