public class Code {
  public static void main(String[] a) {
    int x = 1
    String s = "" + y;
  }
}
