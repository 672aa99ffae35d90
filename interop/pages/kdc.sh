# A realm of MIT's Kerberos, with its database in the directories of the page: docs/how-to/kerberos.md. There is no server of it: kadmin.local reads the database.
export PATH=$PATH:/usr/sbin
command -v kadmin.local >/dev/null || { echo "kadmin.local is not installed: interop/setup.sh kerberos gets it" && return 3; }
mkdir -p /etc/krb5kdc /var/lib/krb5kdc
cat >/etc/krb5.conf <<'END'
[libdefaults]
 default_realm = EXAMPLE.COM
 dns_lookup_kdc = false
END
cat >/etc/krb5kdc/kdc.conf <<'END'
[realms]
 EXAMPLE.COM = {
  database_name = /var/lib/krb5kdc/principal
  key_stash_file = /etc/krb5kdc/stash
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
 }
END
kdb5_util create -s -P master-key -r EXAMPLE.COM
