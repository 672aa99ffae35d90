package config

import "errors"

// checkEncryption looks for one place that keys come from, if there has to be one.
func (v *Values) checkEncryption() error {
	file, command := v.text("leat.encryption.key.file"), v.text("leat.encryption.key.command")
	switch {
	case file != "" && command != "":
		return wrong("leat.encryption.key.command", command, errors.New("leat.encryption.key.file is set, too: keys come from one place: remove one of them"))
	case file == "" && command == "" && v.text("leat.encryption.default") != "none":
		return wrong("leat.encryption.default", v.text("leat.encryption.default"),
			errors.New("there is no key to encrypt with: set leat.encryption.key.file or leat.encryption.key.command"))
	}
	return nil
}
