// The head of a column that sorts, if it does.
import { Table, UnstyledButton } from '@mantine/core';
import { ArrowDown, ArrowUp, ArrowUpDown } from 'lucide-react';

export function SortHeader({ label, right, active, ascending, sort }: { label: string; right?: boolean; active: boolean; ascending: boolean; sort?: () => void }) {
  if (!sort) return <Table.Th>{label}</Table.Th>;
  const Icon = !active ? ArrowUpDown : ascending ? ArrowUp : ArrowDown;
  return (
    <Table.Th ta={right ? 'right' : undefined} aria-sort={!active ? 'none' : ascending ? 'ascending' : 'descending'}>
      <UnstyledButton className="sort-button" data-active={active} onClick={sort}>{label}<Icon size={13} aria-hidden /></UnstyledButton>
    </Table.Th>
  );
}
