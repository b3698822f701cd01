public class Code { static int x; }
