// A picture of a study or series, held in memory: an address of the archive in <img> would leave it in the browser's cache.
import { useQuery } from '@tanstack/react-query';
import { ImageOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { dicomweb } from '../../api/dicomweb';

export function Thumbnail({ study, series = '' }: { study: string; series?: string }) {
  const query = useQuery({ queryKey: ['thumbnail', study, series], queryFn: ({ signal }) => dicomweb.thumbnail(study, series, signal), staleTime: Infinity, retry: false });
  const blob = query.data;
  const [url, setUrl] = useState('');
  useEffect(() => {
    if (!blob) return undefined;
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => { setUrl(''); URL.revokeObjectURL(made); };
  }, [blob]);
  return <span className="thumbnail">{url ? <img src={url} alt="" /> : query.error ? <ImageOff size={20} aria-hidden /> : null}</span>;
}
