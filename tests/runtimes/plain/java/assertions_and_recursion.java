class Code { static int depth; static void f() { depth++; f(); }
    public static void main(String[] a) { assert false; try { f(); } catch (StackOverflowError e) { System.out.println(depth > 1000); } } }
