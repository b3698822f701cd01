class Code { static int x = 1 / 0; public static void main(String[] a) { System.out.println("never"); } }
