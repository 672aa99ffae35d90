# A certificate that signs itself, for these names, where a page speaks of TLS: $PAGES_LOGS/node.pem with its key, $PAGES_LOGS/authority.pem for those who trust it.
certificate() {
	names=$(printf ',DNS:%s' localhost "$@")
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj "/CN=$1" -addext "subjectAltName=${names#,}" \
		-keyout "$PAGES_LOGS/key.pem" -out "$PAGES_LOGS/authority.pem" 2>/dev/null
	cat "$PAGES_LOGS/key.pem" "$PAGES_LOGS/authority.pem" >"$PAGES_LOGS/node.pem"
	chmod 600 "$PAGES_LOGS"/*.pem
}

# login FILE NAME PASSWORD [MECHANISM]: the properties with which a tool logs in.
login() {
	module=plain.PlainLoginModule
	[ "${4:-PLAIN}" = PLAIN ] || module=scram.ScramLoginModule
	cat >"$1" <<END
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=$PAGES_LOGS/authority.pem
sasl.mechanism=${4:-PLAIN}
sasl.jaas.config=org.apache.kafka.common.security.$module required username="$2" password="$3";
END
}
