class Code { public static void main(String[] a) { System.out.println("before"); System.exit(7); } }
