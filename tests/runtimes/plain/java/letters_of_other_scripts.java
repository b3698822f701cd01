class Größe { static String zeigeÄ() { return Größe.class.getName(); } }
class 数える { int 数 = 3; }
public class Code {
    static int größe = 4;
    public static void main(String[] args) { System.out.println(Größe.zeigeÄ() + new 数える().数 + größe); }
}
