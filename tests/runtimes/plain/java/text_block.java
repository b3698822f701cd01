public class Code {
    public static void main(String[] args) {
        String text = """
            class Other { public static void main(String[] a) {
              "quoted" \""" { } \
            joined
            """;
        System.out.print(text);
        char brace = '{', quote = '\'', back = '\\';
        System.out.println("" + brace + quote + back /* } class X { " */); // "
    }
}
