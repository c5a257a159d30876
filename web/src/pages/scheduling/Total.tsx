// How many there are, told to those who listen too.
import { Text } from '@mantine/core';

export function Total({ text }: { text: string }) {
  return <Text size="sm" c="dimmed" role="status" className="num" mb="sm">{text}</Text>;
}
