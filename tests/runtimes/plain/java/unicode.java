class Code { public static void main(String[] a) { System.out.println("žluť 漢字 🐎"); System.err.println("ä"); } }
