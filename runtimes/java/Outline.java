import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The types at the top of a source file, found without a parser, so that it works for programs that do not compile. */
final class Outline {
    /** Comments, strings and characters, in which nothing counts. */
    private static final Pattern SKIPPED =
            Pattern.compile("//[^\\n]*|/\\*.*?\\*/|\"\"\".*?(?<!\\\\)\"\"\"|\"(?:\\\\.|[^\"\\\\\\n])*\"|'(?:\\\\.|[^'\\\\\\n])*'", Pattern.DOTALL);
    private static final Pattern TOKEN = Pattern.compile("[{}]|[\\w$.]+|\\p{javaJavaIdentifierPart}+|@interface\\b|\\S");
    private static final Pattern MAIN = Pattern.compile("\\bstatic\\b[^;{}()]*\\bvoid\\s+main\\s*\\(|\\bvoid\\s+static\\s+main\\s*\\(");

    private record Type(String name, boolean isPublic, boolean hasMain) {}

    private final List<Type> types = new ArrayList<>();
    private String inPackage = "";

    Outline(String source) {
        String text = SKIPPED.matcher(source).replaceAll(" ");
        Matcher token = TOKEN.matcher(text);
        int depth = 0;
        boolean isPublic = false;
        String previous = "", name = null;
        int body = 0;
        while (token.find()) {
            String word = token.group();
            if (word.equals("{")) {
                if (depth++ == 0) body = token.end();
            } else if (word.equals("}")) {
                if (depth > 0 && --depth == 0) {
                    add(name, isPublic, text.substring(body, token.start()));
                    name = null;
                    isPublic = false;
                }
            } else if (depth == 0) {
                if (word.equals("public")) isPublic = true;
                if (previous.equals("package")) inPackage = word + ".";
                boolean declares = previous.equals("class") || previous.equals("interface") || previous.equals("enum") || previous.equals("record");
                if (declares && name == null && Character.isJavaIdentifierStart(word.charAt(0))) name = word;
                if (word.equals(";")) isPublic = false;
            }
            previous = word;
        }
        if (depth > 0) add(name, isPublic, text.substring(body));
    }

    private void add(String name, boolean isPublic, String body) {
        if (name != null) types.add(new Type(name, isPublic, MAIN.matcher(body).find()));
    }

    /** The only public type names its file, as javac demands; else it is Code. */
    String fileName() {
        List<Type> visible = types.stream().filter(Type::isPublic).toList();
        return visible.size() == 1 ? visible.get(0).name : "Code";
    }

    /** The type that names the file, or Code, or the first one that has a main method. */
    String mainClass() {
        String file = fileName();
        for (String wanted : List.of(file, "Code")) {
            for (Type type : types) if (type.name.equals(wanted) && type.hasMain) return inPackage + wanted;
        }
        return inPackage + types.stream().filter(Type::hasMain).map(Type::name).findFirst().orElse(file);
    }
}
