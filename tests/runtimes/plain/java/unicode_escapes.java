public class Code {
    public static void main(String[] \u0061rgs) {
        System.out.println("\u0022.length() + \u007b\u007d" + \u0061rgs.length); \u002f\u002f a comment
        char \u00e4 = '\u0041'; System.out.println(\u00e4);
    }
\u007d
