public class Code {
    public static void main(String[] args) throws Exception {
        for (String name : new String[] {"user.name", "user.home", "user.dir", "java.io.tmpdir", "file.encoding", "sun.java.command", "sun.java.launcher",
                "java.home", "java.version", "user.language", "line.separator", "os.name"})
            System.out.println(name + "=" + System.getProperty(name));
        System.out.println(Thread.currentThread() + " " + Thread.activeCount() + " " + Code.class.getClassLoader().getClass().getName() + " " + System.console());
    }
}
