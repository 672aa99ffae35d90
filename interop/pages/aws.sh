# Tries the program of docs/how-to/encrypt.md that talks to a key management system: aws is one here that turns bytes around. The node of the page starts with that
# program, writes, and starts once more, for which it has to unwrap.
cat >"$PAGES_LOGS/bin/aws" <<'END'
#!/bin/bash
set -eu
echo "$2" >>"$PAGES_LOGS/aws.log"
[ "$1 $3 $4" = "kms --key-id arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab" ] || exit 1
[ "${*: -2}" = "--output text" ] || exit 1
case $2 in
encrypt) tr '\000-\377' '\001-\377\000' <"${6#fileb://}" | base64 -w 0 ;;
decrypt) tr '\001-\377\000' '\000-\377' <"${6#fileb://}" | base64 -w 0 ;;
esac
echo
END
chmod +x "$PAGES_LOGS/bin/aws" /usr/local/bin/leat-keys
systemctl stop leat
rm -r /var/lib/leat && mkdir /var/lib/leat
sed -i 's,^leat.encryption.key.file=.*,leat.encryption.key.command=/usr/local/bin/leat-keys\nleat.encryption.default=aes-gcm,' /etc/leat/server.properties
systemctl start leat
leat produce secrets hidden
systemctl restart leat
[ "$(leat consume secrets)" = hidden ]
! grep -rq hidden /var/lib/leat/secrets-0
grep -q encrypt "$PAGES_LOGS/aws.log" && grep -q decrypt "$PAGES_LOGS/aws.log"
