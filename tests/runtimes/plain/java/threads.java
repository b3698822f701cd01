public class Code { public static void main(String[] a) throws Exception {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
    new Thread(() -> { try { Thread.sleep(200); } catch (InterruptedException e) { } System.out.println("late"); }, "worker").start();
    Thread daemon = new Thread(() -> { for (;;) Thread.onSpinWait(); });
    daemon.setDaemon(true);
    daemon.start();
    Thread failing = new Thread(() -> { throw new RuntimeException("in a thread"); }, "failing");
    failing.start();
    failing.join();
    System.out.println("main ends");
} }
