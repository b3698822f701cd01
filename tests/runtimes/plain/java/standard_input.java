class Code { public static void main(String[] a) throws Exception { System.out.println(System.in.read() + " " + new java.util.Scanner(System.in).hasNext()); } }
