class Code { static void main(String[] args) { System.out.println("never"); } }
