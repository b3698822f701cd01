import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.util.ArrayList;
import java.util.List;
import javax.lang.model.element.Modifier;

// Loops, not streams: these are loaded anew in each machine, which takes longer than all that is done here.

/** The types at the top of a source file, as the compiler has read them: before it looks at what the file is called. */
final class Outline implements TaskListener {
    private record Type(String name, boolean isPublic, boolean hasMain) {}

    private final List<Type> types = new ArrayList<>();
    private String inPackage = "";
    private boolean isRead = false;

    @Override
    public void started(TaskEvent event) {
        isRead = isRead || event.getKind() == TaskEvent.Kind.ENTER;
    }

    @Override
    public void finished(TaskEvent event) {
        if (event.getKind() != TaskEvent.Kind.PARSE || isRead) return; // what the compiler looks up later lies in other files
        CompilationUnitTree unit = event.getCompilationUnit();
        if (unit.getPackageName() != null) inPackage = unit.getPackageName() + ".";
        for (Tree tree : unit.getTypeDecls()) {
            if (!(tree instanceof ClassTree type) || type.getSimpleName().isEmpty()) continue;
            boolean isPublic = type.getModifiers().getFlags().contains(Modifier.PUBLIC);
            boolean hasMain = false;
            for (Tree member : type.getMembers()) hasMain = hasMain || isMain(member);
            types.add(new Type(type.getSimpleName().toString(), isPublic, hasMain));
        }
    }

    private static boolean isMain(Tree member) {
        if (!(member instanceof MethodTree method) || !method.getName().contentEquals("main") || method.getParameters().size() != 1) return false;
        return method.getModifiers().getFlags().contains(Modifier.STATIC);
    }

    /** Whether the compiler went on: there are no errors of syntax, whose messages come before a name is known. */
    boolean isRead() {
        return isRead;
    }

    /** The only public type names its file, as javac demands; else it is Code. */
    String fileName() {
        String name = null;
        for (Type type : types) {
            if (!type.isPublic) continue;
            if (name != null) return "Code";
            name = type.name;
        }
        return name != null ? name : "Code";
    }

    /** The type that names the file, or Code, or the first one that has a main method. */
    String mainClass() {
        String file = fileName();
        for (String wanted : new String[] {file, "Code", null}) {
            for (Type type : types) {
                if (type.hasMain && (wanted == null || type.name.equals(wanted))) return inPackage + type.name;
            }
        }
        return inPackage + file;
    }
}
