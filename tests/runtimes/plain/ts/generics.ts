function group<T, K extends string>(items: T[], by: (item: T) => K): Record<K, T[]> {
  return items.reduce((all, item) => { (all[by(item)] ??= []).push(item); return all; }, {} as Record<K, T[]>);
}
console.log(group([1, 2, 3, 4], (n) => (n % 2 ? 'odd' : 'even')));
