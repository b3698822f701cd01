<?php
interface Shape { public function area(): float; }
enum Suit: string { case Hearts = "h"; public static function first(): self { return self::Hearts; } }
final class Square implements Shape { public function __construct(private readonly float $side) {} public function area(): float { return $this->side ** 2; } }
echo (new Square(2))->area(), Suit::first()->value, match(true) { 1 > 2 => "no", default => "yes" }, PHP_EOL;
$s = new Square(1); $s->side = 3;
