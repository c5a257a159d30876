export const minPassword = 12;

// A hint from length and variety, 0 to 4; the node decides what it accepts.
export function strength(password: string): number {
  if (password.length === 0) return 0;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const distinct = new Set(password).size;
  const bits = Math.min(password.length, distinct * 2) * (2.5 + kinds * 0.75);
  return Math.max(1, Math.min(4, Math.floor(bits / 18)));
}
