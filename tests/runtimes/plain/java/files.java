import java.nio.file.*;
class Code { public static void main(String[] args) throws Exception {
    Files.writeString(Path.of("out.txt"), "žluť\n");
    try (var listed = Files.list(Path.of("."))) { listed.map(Path::toString).filter(n -> n.endsWith(".txt")).forEach(System.out::println); }
    new java.io.FileReader("missing");
} }
