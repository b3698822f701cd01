class Code { public static void main(String[] a) { new java.util.ArrayList().add(1); new Thread().stop(null); } }
