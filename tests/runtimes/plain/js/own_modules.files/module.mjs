export const thrice = (x) => 3 * x;
