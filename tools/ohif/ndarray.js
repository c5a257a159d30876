// In place of compileConstructor() of the package ndarray (MIT) in OHIF's bundle, which makes classes by compiling text: the policy of /ohif allows no eval.
// The same views, written out: get, set, index, lo, hi, step, transpose, pick over any number of dimensions. `order` and CACHED_CONSTRUCTORS are the package's own.
function compileConstructor(dtype, dimension) {
  var useGetters = dtype === 'generic';
  class View {
    constructor(data, shape, stride, offset) {
      this.data = data;
      this.shape = shape;
      this.stride = stride;
      this.offset = offset | 0;
    }
    get size() { return dimension < 0 ? 0 : this.shape.reduce(function (all, side) { return all * side; }, 1); }
    get order() { return order.call(this); }
    index() {
      if (dimension < 0) return -1;
      var at = this.offset;
      for (var n = 0; n < dimension; ++n) at += this.stride[n] * arguments[n];
      return at;
    }
    get() {
      if (dimension < 0) return undefined;
      var at = this.index.apply(this, arguments);
      return useGetters ? this.data.get(at) : this.data[at];
    }
    set() {
      if (dimension < 0) return undefined;
      var at = this.index.apply(this, arguments);
      var value = arguments[dimension];
      return useGetters ? this.data.set(at, value) : (this.data[at] = value);
    }
    valueOf() { return dimension === 0 ? this.get() : this; }
    hi() {
      var given = arguments;
      return make(this.data, this.shape.map(function (side, n) { return typeof given[n] !== 'number' || given[n] < 0 ? side : given[n] | 0; }), this.stride.slice(), this.offset);
    }
    lo() {
      var shape = this.shape.slice(), offset = this.offset;
      for (var n = 0; n < dimension; ++n) {
        if (typeof arguments[n] !== 'number' || arguments[n] < 0) continue;
        var by = arguments[n] | 0;
        offset += this.stride[n] * by;
        shape[n] -= by;
      }
      return make(this.data, shape, this.stride.slice(), offset);
    }
    step() {
      var shape = this.shape.slice(), stride = this.stride.slice(), offset = this.offset;
      for (var n = 0; n < dimension; ++n) {
        if (typeof arguments[n] !== 'number') continue;
        var by = arguments[n] | 0;
        if (by < 0) {
          offset += stride[n] * (shape[n] - 1);
          shape[n] = Math.ceil(-shape[n] / by);
        } else {
          shape[n] = Math.ceil(shape[n] / by);
        }
        stride[n] *= by;
      }
      return make(this.data, shape, stride, offset);
    }
    transpose() {
      var shape = [], stride = [];
      for (var n = 0; n < dimension; ++n) {
        var from = arguments[n] === undefined ? n : arguments[n] | 0;
        shape.push(this.shape[from]);
        stride.push(this.stride[from]);
      }
      return make(this.data, shape, stride, this.offset);
    }
    pick() {
      if (dimension < 0) return null;
      var shape = [], stride = [], offset = this.offset;
      for (var n = 0; n < dimension; ++n) {
        if (typeof arguments[n] === 'number' && arguments[n] >= 0) {
          offset = (offset + this.stride[n] * arguments[n]) | 0;
        } else {
          shape.push(this.shape[n]);
          stride.push(this.stride[n]);
        }
      }
      return CACHED_CONSTRUCTORS[dtype][dimension === 0 ? 0 : shape.length + 1](this.data, shape, stride, offset);
    }
  }
  View.prototype.dtype = dtype;
  View.prototype.dimension = dimension;
  function make(data, shape, stride, offset) { return new View(data, dimension < 1 ? [] : shape, dimension < 1 ? [] : stride, offset); }
  return make;
}
