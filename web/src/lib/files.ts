export const maxImageBytes = 64 * 1024 * 1024;
const imageNames = /\.(png|jpe?g|npy)$/i;

export function readableImage(file: File): boolean {
  return file.size > 0 && file.size <= maxImageBytes && (file.type === 'image/png' || file.type === 'image/jpeg' || imageNames.test(file.name));
}

export const isArray = (file: File) => /\.npy$/i.test(file.name);
