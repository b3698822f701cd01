import java.util.concurrent.*;
class Code {
    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        Future<Integer> answer = pool.submit(() -> 42);
        System.out.println(answer.get() + " " + CompletableFuture.supplyAsync(() -> "later").get());
        pool.submit(() -> { throw new IllegalStateException("kept"); });
        pool.shutdown();
        System.out.println(pool.awaitTermination(5, TimeUnit.SECONDS));
        throw new Exception("at the end");
    }
}
