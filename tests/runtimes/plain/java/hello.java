public class Code { public static void main(String[] a) { System.out.println("hello " + String.join("|", a) + Thread.currentThread()); } }
