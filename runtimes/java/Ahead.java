import com.sun.source.util.JavacTask;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** What launch.cc does in Java: compiles a sample while nobody waits, then the program. Its messages are javac's. */
final class Ahead {
    private static final Path CLASSES = Path.of("/tmp/.java");
    private static final Path DATA = Path.of("/mnt/data");
    private static final Path SCRIPT = DATA.resolve("Code.java");
    /** Where javac looks for what a program may bring. */
    private static final String OWN = CLASSES + ":" + DATA;
    /** Without a name that begins so nothing of the libraries can be meant. */
    private static final Pattern LIBRARY = Pattern.compile("\\b(com|org)\\s*\\.");
    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();
    private static JavaFileManager files;

    /** Uses what most programs use, so that it is loaded: the first of anything is what takes time in Java. */
    private static final String SAMPLE =
            """
            import java.util.*;
            import java.util.function.*;
            import java.util.stream.*;
            public class Sample {
                interface Shape { double area(); }
                record Square(double side) implements Shape { public double area() { return side * side; } }
                enum Color { RED, GREEN }
                static <T extends Comparable<T>> T largest(List<T> of) { return Collections.max(of); }
                public static void main(String[] args) throws Exception {
                    java.io.PrintStream out = new java.io.PrintStream(new java.io.ByteArrayOutputStream());
                    Map<String, Integer> counts = new HashMap<>();
                    for (String word : "a b a".split(" ")) counts.merge(word, 1, Integer::sum);
                    int number = args.length + 1;
                    StringBuilder text = new StringBuilder();
                    for (int i = 0; i < 3; i++) text.append(i).append(',');
                    out.println("text " + number + " " + counts + text + 1.5 + 'c' + new Square(2));
                    out.printf("%d %s %.2f%n", number, Color.RED, new Square(2).area());
                    out.println(IntStream.range(0, 5).mapToObj(i -> "x" + i).filter(s -> !s.isEmpty()).collect(Collectors.joining(",")));
                    out.println(Stream.of(1, 2, 3).map(i -> i * 2).sorted(Comparator.reverseOrder()).collect(Collectors.toList()));
                    Supplier<String> supplier = () -> switch (Color.GREEN) { case RED -> "r"; case GREEN -> "g"; };
                    try { throw new IllegalStateException(supplier.get()); } catch (RuntimeException e) { e.printStackTrace(out); }
                    out.println(largest(new ArrayList<>(List.of(3, 1))) + String.join("-", List.of("a", "b")) + Optional.of(1) + Objects.hash(1, 2));
                    Scanner scanner = new Scanner("1 two");
                    out.println(scanner.nextInt() + scanner.next() + Math.sqrt(2) + new java.math.BigInteger("12").pow(3));
                    Thread thread = new Thread(() -> {});
                    thread.start();
                    thread.join();
                }
            }
            """;

    /** A program in memory. Its name is what messages call it, and what a public class in it has to be called. */
    private static final class Source extends SimpleJavaFileObject {
        private final Outline outline;
        private final String text;

        Source(Outline outline, String text) {
            super(URI.create("string:///Source.java"), Kind.SOURCE);
            this.outline = outline;
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreErrors) {
            return text;
        }

        /** Its last part is the file that traces name. */
        @Override
        public URI toUri() {
            return URI.create("string:///" + getName());
        }

        @Override
        public String getName() {
            return outline.fileName() + ".java";
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return kind == Kind.SOURCE && simpleName.equals(outline.fileName());
        }
    }

    /** For launch.cc. A program that somebody waits for is compiled sooner without practice. */
    static void prepare(boolean practise) throws Exception {
        files = COMPILER.getStandardFileManager(null, null, StandardCharsets.UTF_8);
        if (!practise) return;
        Path scratch = Files.createTempDirectory("sample");
        Writer nowhere = new OutputStreamWriter(OutputStream.nullOutputStream());
        for (int i = 0; i < 2; i++) compile(nowhere, SAMPLE, OWN, scratch);
        classPath(SAMPLE);
        // An error too: messages have a machinery of their own.
        compile(nowhere, "class Sample { int x = \"\" }", OWN, scratch);
        try (URLClassLoader loader = new URLClassLoader(new URL[] {scratch.toUri().toURL()})) {
            loader.loadClass("Sample").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
        }
        try (var made = Files.list(scratch)) {
            for (Path path : made.toList()) Files.delete(path);
        }
        Files.delete(scratch);
        System.gc();
    }

    /** Compiles the program. Returns the name of the class to run; null: it does not compile, and the messages are written. */
    static String compile() throws IOException {
        String text = Files.readString(SCRIPT);
        PrintWriter messages = new PrintWriter(new OutputStreamWriter(System.err));
        Outline outline = compile(messages, text, classPath(text), CLASSES);
        messages.flush();
        return outline == null ? null : outline.mainClass();
    }

    /** javac opens all jars of its class path at once, which takes longer than compiling a short program: only one that may need them has them. */
    private static String classPath(String text) {
        boolean needed = System.getenv("CLASSPATH") != null || LIBRARY.matcher(text).find() || bringsMore();
        return needed ? System.getProperty("java.class.path") : OWN;
    }

    /** Whether there are files that may be further parts of the program. */
    private static boolean bringsMore() {
        File[] files = DATA.toFile().listFiles();
        if (files == null) return false;
        for (File file : files) {
            String name = file.getName();
            boolean isSource = name.endsWith(".java") && !name.equals(SCRIPT.getFileName().toString());
            if (isSource || name.endsWith(".class") || file.isDirectory()) return true;
        }
        return false;
    }

    /** What was compiled; null: it does not compile. */
    private static Outline compile(Writer messages, String text, String classPath, Path into) throws IOException {
        Outline outline = new Outline();
        StringWriter said = new StringWriter();
        boolean good = compile(said, new Source(outline, text), outline, classPath, into);
        if (!good && !outline.isRead() && !outline.fileName().equals("Code")) {
            // The messages name a file that is called otherwise.
            said = new StringWriter();
            compile(said, new Source(outline, text), new Outline(), classPath, into);
        }
        messages.write(said.toString());
        return good ? outline : null;
    }

    private static boolean compile(Writer messages, Source source, Outline outline, String classPath, Path into) {
        // No annotation processors can be there; javac would look for them.
        List<String> options = List.of("-d", into.toString(), "-proc:none", "-cp", classPath);
        JavacTask task = (JavacTask) COMPILER.getTask(messages, files, null, options, null, List.of(source));
        task.addTaskListener(outline);
        return task.call();
    }

    /** The arguments of the program's main method, each ended by NUL. */
    static String[] arguments(String mainClass, byte[] words) {
        List<String> arguments = new ArrayList<>();
        for (int begin = 0, end = 0; end < words.length; end++) {
            if (words[end] != 0) continue;
            arguments.add(new String(words, begin, end - begin, StandardCharsets.UTF_8));
            begin = end + 1;
        }
        StringBuilder command = new StringBuilder(mainClass);
        for (String argument : arguments) command.append(' ').append(argument);
        System.setProperty("sun.java.command", command.toString());  // as the java command says
        return arguments.toArray(new String[0]);
    }
}
