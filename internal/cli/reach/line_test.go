package reach

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPropertiesOfAClient(t *testing.T) {
	const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="hunter2";`
	for text, want := range map[string]string{
		"":                            "",
		"security.protocol=PLAINTEXT": "",
		"security.protocol=SSL":       "",
		"security.protocol=ssl":       "security.protocol=ssl: it is one of",
		"security.protocol=SASL_SSL":  "sasl.jaas.config: ",
		"security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=/nowhere.pem":                                                                                                                        "ssl.truststore.location=/nowhere.pem",
		"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=" + plain:                                                                                                                           "",
		"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=" + plain:                                                                                                                         "",
		"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=A required username=\"id\" password=\"hunter2\" tokenauth=\"true\";":                                                              "",
		"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=A required username=\"id\" tokenauth=true;":                                                                                       "tokenauth needs username and password",
		"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=CRAM\nsasl.jaas.config=" + plain:                                                                                                                            "sasl.mechanism=CRAM: these commands have PLAIN",
		"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=A required username=\"x\";":                                                                                                         "username and password are needed",
		"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.jaas.config=A required;":                                                                                                                  "sasl.oauthbearer.token.endpoint.url: a token is needed",
		"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.jaas.config=A required;\nsasl.oauthbearer.token.endpoint.url=file:///t":                                                                   "",
		"security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://issuer\nsasl.jaas.config=A required clientId=a;":                                                         "client.credentials.client.secret are needed",
		"security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://issuer\nsasl.jaas.config=A required clientId=a clientSecret=hunter2;":                                    "",
		"security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=http://issuer\nsasl.jaas.config=A required clientId=a clientSecret=hunter2;":                                     "",
		"security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nsasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/k\" principal=\"a\";":                                     "needs a name and a realm",
		"security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nsasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/k\" principal=\"a@R\";":                                   "sasl.kerberos.service.name",
		"security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nsasl.kerberos.service.name=kafka\nsasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/k\" principal=\"a@R\";": "",
	} {
		file := filepath.Join(t.TempDir(), "client.properties")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Read(file)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if inTheClear := !strings.Contains(text, "SSL") && !strings.Contains(text, "SASL"); err == nil && (l == nil) != inTheClear {
			t.Errorf("%q: in the clear: %v", text, l == nil)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}
