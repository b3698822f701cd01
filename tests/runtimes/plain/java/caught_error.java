public class Code { public static void main(String[] a) {
    try { Object o = "x"; Integer i = (Integer) o; } catch (RuntimeException e) { e.printStackTrace(); }
    new Exception("shown").printStackTrace(System.out);
    for (StackTraceElement e : Thread.currentThread().getStackTrace()) System.out.println(e);
} }
