class Code {
  static int f() { return "text"; }
  String g = undefined;
  void h() { new java.util.ArrayList().add(1); }
}
