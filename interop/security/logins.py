"""Logs in with confluent-kafka (librdkafka) as it is told, line by line, and says what the client tells its user."""

import json
import sys
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient

ERROR = confluent_kafka.KafkaError
FATAL = {ERROR._AUTHENTICATION, ERROR._SSL, ERROR.UNSUPPORTED_SASL_MECHANISM, ERROR.SASL_AUTHENTICATION_FAILED}


def configuration(login, told):
    settings = {
        "bootstrap.servers": login["Bootstrap"],
        "security.protocol": login["Protocol"],
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "error_cb": told.append,
        "log_level": 0,
    }
    files = {"ssl.ca.location": "CA", "ssl.certificate.location": "Certificate", "ssl.key.location": "Certificate", "sasl.mechanism": "Mechanism"}
    settings.update({key: login[what] for key, what in files.items() if login[what]})
    if login["Mechanism"] == "OAUTHBEARER" and login["TokenURL"]:
        settings.update({
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": login["TokenURL"],
            "sasl.oauthbearer.client.id": login["App"],
            "sasl.oauthbearer.client.secret": login["Secret"],
            "sasl.oauthbearer.scope": "kafka",
            "https.ca.location": login["CA"],
        })
    elif login["Mechanism"] == "OAUTHBEARER":
        settings.update({"enable.sasl.oauthbearer.unsecure.jwt": True, "sasl.oauthbearer.config": "principal=" + login["User"]})
    elif login["Mechanism"]:
        settings.update({"sasl.username": login["User"], "sasl.password": login["Password"]})
    return settings


def describe(admin, login, told):
    deadline = time.monotonic() + login["Timeout"] / 1000
    while True:
        admin.poll(0)
        fatal = [str(e) for e in told if e.code() in FATAL or "SSL alert" in str(e)]
        if fatal:
            return fatal[0]
        try:
            topic = admin.list_topics(login["Topic"], timeout=0.5).topics[login["Topic"]]
            return str(topic.error) if topic.error else None
        except confluent_kafka.KafkaException as e:
            admin.poll(0)
            if time.monotonic() > deadline:
                return "; ".join([str(e)] + [str(t) for t in told])


def attempt(login):
    told = []
    try:
        admin = AdminClient(configuration(login, told))
    except confluent_kafka.KafkaException as e:
        return str(e)
    until = time.monotonic() + login["Hold"] / 1000
    began = False
    while True:
        problem = describe(admin, login, told)
        if problem or time.monotonic() >= until:
            return problem
        if not began:
            began = True
            print(json.dumps({"Began": True}), flush=True)
        time.sleep(0.2)


for line in sys.stdin:
    found = attempt(json.loads(line))
    print(json.dumps({"Error": found} if found else {"OK": True}), flush=True)
