import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's tools one after the other in one process, as their main methods would run alone.
 *
 * A line of input is a class and its arguments in base64 with tabs between; a line of output the exit status and what the tool said on its two outputs, in base64.
 */
public final class Toolbox {
    private Toolbox() {}

    private static volatile int status;
    private static volatile CountDownLatch ended;

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        PrintStream errors = System.err;
        Exit.Procedure end = (code, message) -> {
            status = code;
            ended.countDown();
            for (;;) { // nothing more may be done; what is open stays so, as in a process that ends
                LockSupport.park();
            }
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", -1);
            for (int i = 1; i < words.length; i++) {
                words[i] = new String(Base64.getDecoder().decode(words[i]), StandardCharsets.UTF_8);
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ByteArrayOutputStream problems = new ByteArrayOutputStream();
            PrintStream err = new PrintStream(problems, true, StandardCharsets.UTF_8);
            status = 0;
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(err);
            ended = new CountDownLatch(1);
            Thread tool = new Thread(() -> run(words, err));
            tool.setDaemon(true);
            tool.start();
            ended.await();
            System.setOut(answers);
            System.setErr(errors);
            Base64.Encoder text = Base64.getEncoder();
            answers.println(status + "\t" + text.encodeToString(out.toByteArray()) + "\t" + text.encodeToString(problems.toByteArray()));
        }
        Runtime.getRuntime().halt(0); // tools leave hooks behind that wait for what is gone
    }

    private static void run(String[] words, PrintStream err) {
        try {
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) Arrays.copyOfRange(words, 1, words.length));
        } catch (InvocationTargetException e) {
            err.print("Exception in thread \"main\" ");
            e.getCause().printStackTrace(err);
            status = 1;
        } catch (ReflectiveOperationException e) {
            e.printStackTrace(err);
            status = 1;
        }
        ended.countDown();
    }
}
