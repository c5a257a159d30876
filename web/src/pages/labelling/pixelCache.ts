// Values of the cases around the present one, held in memory while the page is open and nowhere else.
import { labelling, type LabelPart } from '../../api/labelling';
import { readNpy, type Pixels } from '../../lib/npy';

const mostKept = 24;

export class PixelCache {
  private readonly kept = new Map<string, Promise<Pixels>>();
  constructor(private readonly project: string, private readonly part: LabelPart) {}

  get(place: number, slice: number): Promise<Pixels> {
    const key = `${place}/${slice}`;
    const known = this.kept.get(key);
    if (known) {
      this.kept.delete(key);
      this.kept.set(key, known);
      return known;
    }
    const fresh = labelling.pixels(this.project, this.part, place, slice).then(readNpy);
    fresh.catch(() => this.kept.delete(key));
    this.kept.set(key, fresh);
    for (const old of this.kept.keys()) {
      if (this.kept.size <= mostKept) break;
      this.kept.delete(old);
    }
    return fresh;
  }
}
