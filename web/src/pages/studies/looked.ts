import type { Series } from '../../api/dicomweb';

// Reports, states and plans are listed, and opened when nothing else is there.
const words = ['SR', 'PR', 'KO', 'SEG', 'DOC', 'RTSTRUCT', 'RTPLAN', 'RTDOSE', 'REG', 'ANN'];
export const isLooked = (series: Series): boolean => !words.includes(series.modality);
