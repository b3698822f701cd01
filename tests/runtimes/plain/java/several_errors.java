import java.util.Lisst;
class Code {
    void f() { int x = "a"; undefined(); }
    int g() { }
    public static void main(String[] args) { String s = null; s.foo(); }
}
