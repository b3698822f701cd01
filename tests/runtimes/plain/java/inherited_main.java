class Base { public static void main(String[] args) { System.out.println("inherited " + args.length); } }
class Code extends Base {}
