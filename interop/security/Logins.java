import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;

/** Logs in as it is told, line by line, and says what Kafka's client tells its user. */
public final class Logins {
    private Logins() {}

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MODULES = "org.apache.kafka.common.security.";

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode login = JSON.readTree(line);
            String problem = attempt(login, answers);
            answers.println(JSON.writeValueAsString(problem == null ? Map.of("OK", true) : Map.of("Error", problem)));
        }
        Runtime.getRuntime().halt(0);
    }

    private static String attempt(JsonNode login, PrintStream answers) {
        int hold = login.get("Hold").asInt();
        try (Admin admin = Admin.create(properties(login))) {
            long until = System.currentTimeMillis() + hold;
            boolean began = false;
            do {
                admin.describeTopics(List.of(login.get("Topic").asText())).allTopicNames().get();
                if (hold > 0 && !began) {
                    began = true;
                    answers.println("{\"Began\":true}");
                }
                if (hold > 0) {
                    Thread.sleep(200);
                }
            } while (System.currentTimeMillis() < until);
            return null;
        } catch (Throwable e) {
            StringBuilder text = new StringBuilder();
            for (Throwable t = e; t != null; t = t.getCause()) {
                text.append(t.getClass().getSimpleName()).append(": ").append(t.getMessage()).append("; ");
            }
            return text.toString();
        }
    }

    private static Properties properties(JsonNode login) {
        Properties p = new Properties();
        p.put("bootstrap.servers", login.get("Bootstrap").asText());
        p.put("security.protocol", login.get("Protocol").asText());
        p.put("request.timeout.ms", login.get("Timeout").asText());
        p.put("default.api.timeout.ms", login.get("Timeout").asText());
        p.put("sasl.login.connect.timeout.ms", "5000");
        p.put("sasl.login.retry.backoff.max.ms", "500");
        file(p, login, "CA", "ssl.truststore");
        file(p, login, "Certificate", "ssl.keystore");
        String mechanism = login.get("Mechanism").asText();
        if (mechanism.isEmpty()) {
            return p;
        }
        p.put("sasl.mechanism", mechanism);
        String user = quote(login.get("User").asText());
        String password = quote(login.get("Password").asText());
        String url = login.get("TokenURL").asText();
        if (!mechanism.equals("OAUTHBEARER")) {
            String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
            p.put("sasl.jaas.config", MODULES + module + " required username=" + user + " password=" + password
                + (login.get("IsToken").asBoolean() ? " tokenauth=true;" : ";"));
        } else if (url.isEmpty()) {
            p.put("sasl.jaas.config", MODULES + "oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=" + user + ";");
        } else {
            System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls", url);
            p.put("sasl.oauthbearer.token.endpoint.url", url);
            p.put("sasl.login.callback.handler.class", MODULES + "oauthbearer.OAuthBearerLoginCallbackHandler");
            p.put("sasl.jaas.config", MODULES + "oauthbearer.OAuthBearerLoginModule required clientId=" + quote(login.get("App").asText()) + " clientSecret="
                + quote(login.get("Secret").asText()) + " scope=\"kafka\" ssl.truststore.type=\"PEM\" ssl.truststore.location=" + quote(login.get("CA").asText()) + ";");
        }
        return p;
    }

    private static void file(Properties p, JsonNode login, String what, String key) {
        String file = login.get(what).asText();
        if (!file.isEmpty()) {
            p.put(key + ".type", "PEM");
            p.put(key + ".location", file);
        }
    }

    private static String quote(String text) {
        return '"' + text + '"';
    }
}
