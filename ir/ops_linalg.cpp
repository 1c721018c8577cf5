// Matrix decompositions and what rests on them, computed by routines of the runtime (runtime/linalg.cpp).
//
// A routine has one result. Where there are several, they lie in one vector, one after the other, each in row-major
// order and of one dtype; td.linalg takes them out as views. Gradients follow PyTorch's formulas.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;
using Dims = std::vector<Dim>;

// ---- types ---------------------------------------------------------------------------------------------------------

// The input, as a batch of matrices.
struct Matrices {
  Shape batch;
  Dim rows, columns, least;
};

Matrices matrices_of(const Shape& shape, ShapeEnv& env) {
  Matrices m{{shape.begin(), shape.end() - 2}, shape[shape.size() - 2], shape.back(), 0};
  m.least = m.rows == m.columns || env.decide(m.columns, Relation::le, m.rows) ? m.columns : m.rows;
  return m;
}

Matrices matrices(InferContext& c, bool square) {
  const TensorType& x = c.inputs[0];
  if (!is_inexact(x.dtype) || is_half(x.dtype))
    c.fail(ErrorKind::dtype, "got dtype {}; need float32, float64, complex64 or complex128; try x.astype(...)",
           info(x.dtype).name);
  if (x.rank() < 2) c.fail(ErrorKind::shape, "got the shape {}; need at least two axes", to_text(x.shape));
  Matrices m = matrices_of(x.shape, c.env);
  if (square && !c.env.equal(m.rows, m.columns))
    c.fail(ErrorKind::shape, "got the shape {}; need square matrices [..., n, n]", to_text(x.shape));
  return m;
}

Shape with_axes(const Shape& batch, std::initializer_list<Dim> axes) {
  Shape shape = batch;
  shape.insert(shape.end(), axes);
  return shape;
}

TensorType square_type(InferContext& c) {
  matrices(c, true);
  return c.inputs[0];
}

TensorType solve_type(InferContext& c) {
  const Matrices m = matrices(c, true);
  const TensorType& b = c.inputs[1];
  bool fits = b.rank() == c.inputs[0].rank() && b.dtype == c.inputs[0].dtype;
  for (int k = 0; fits && k < b.rank() - 1; ++k)
    fits = c.env.equal(b.shape[static_cast<size_t>(k)], c.inputs[0].shape[static_cast<size_t>(k)]);
  if (!fits)
    c.fail(ErrorKind::shape, "got {} and {}; need [..., n, n] and [..., n, k] of one dtype", to_text(c.inputs[0]),
           to_text(b));
  return b;
}

TensorType vector_type(DType dtype, const Dims& parts) {
  Dim count = 0;
  for (const Dim& part : parts) count = count + part;
  return {dtype, {count}, {}};
}
TensorType vector_type(InferContext& c, const Dims& parts) { return vector_type(c.inputs[0].dtype, parts); }

// ---- results that lie one after the other --------------------------------------------------------------------------

// Takes parts out of a vector from the front.
class Parts {
 public:
  explicit Parts(Value vector) : vector_(vector) {}
  Value next(const Shape& shape) {
    const Dim count = element_count(shape);
    const Value part = vector_.builder->emit("slice", {vector_}, {Dims{start_}, Dims{count}, Dims{Dim(1)}});
    start_ = start_ + count;
    return reshape(part, shape);
  }

 private:
  Value vector_;
  Dim start_ = 0;
};

struct QR {
  Value q, r;
};
QR parts_of_qr(Value packed, const Matrices& m, bool complete) {
  const Dim inner = complete ? m.rows : m.least;
  Parts parts(packed);
  const Value q = parts.next(with_axes(m.batch, {m.rows, inner}));
  return {q, parts.next(with_axes(m.batch, {inner, m.columns}))};
}

struct SVD {
  Value u, s, vh;
};
SVD parts_of_svd(Value packed, const Matrices& m, bool full) {
  Parts parts(packed);
  const Value u = parts.next(with_axes(m.batch, {m.rows, full ? m.rows : m.least}));
  const Value s = parts.next(with_axes(m.batch, {m.least}));
  return {u, s, parts.next(with_axes(m.batch, {full ? m.columns : m.least, m.columns}))};
}

struct Eigen {
  Value values, vectors;
};
Eigen parts_of_eigh(Value packed, const Matrices& m) {
  Parts parts(packed);
  const Value values = parts.next(with_axes(m.batch, {m.rows}));
  return {values, parts.next(with_axes(m.batch, {m.rows, m.rows}))};
}

// ---- notation ------------------------------------------------------------------------------------------------------

Value adjoint(Value x) { return conj(unary("matrix_transpose", x)); }
Value mm(Value a, Value b) { return binary("matmul", a, b); }
Value column(Value x) { return expand_dims(x, -1); }
Value row(Value x) { return expand_dims(x, -2); }
Value solve(Value a, Value b) { return binary("solve", a, b); }
Value lower(Value x, int64_t k = 0) { return x.builder->emit("tril", {x}, {k}); }
Value upper(Value x, int64_t k = 0) { return x.builder->emit("triu", {x}, {k}); }

// Where the diagonal is, as bool[n, n].
Value on_diagonal(Builder& b, Dim n) {
  const Value rows = b.emit("iota", {}, {Dims{n, n}, int64_t{0}, DType::i64});
  return binary("equal", rows, b.emit("iota", {}, {Dims{n, n}, int64_t{1}, DType::i64}));
}
Value diagonal_matrix(Value x) {
  const Value zero = x.builder->scalar(x.dtype(), 0);
  return where(on_diagonal(*x.builder, x.shape().back()), column(x), zero);
}
// x / (to_j - to_i), and 0 on the diagonal.
Value over_differences(Value x, Value to) {
  Builder& b = *x.builder;
  const Value diagonal = on_diagonal(b, to.shape().back());
  const Value gaps = where(diagonal, b.scalar(x.dtype(), 1), row(to) - column(to));
  return where(diagonal, b.scalar(x.dtype(), 0), x / gaps);
}

// A slice of columns [from, from + count) of matrices, or of rows.
Value cut(Value x, size_t axis_from_end, Dim from, Dim count) {
  const size_t rank = x.shape().size();
  Dims starts(rank, Dim(0)), sizes = x.shape(), steps(rank, Dim(1));
  starts[rank - axis_from_end] = from;
  sizes[rank - axis_from_end] = count;
  return x.builder->emit("slice", {x}, {starts, sizes, steps});
}
Value columns_of(Value x, Dim from, Dim count) { return cut(x, 1, from, count); }
Value rows_of(Value x, Dim from, Dim count) { return cut(x, 2, from, count); }

// ---- gradients -----------------------------------------------------------------------------------------------------

// The gradient of a real input is real.
Value cast_back(Value gradient, Value like) { return is_complex(like.dtype()) ? gradient : real_part(gradient); }

Grads cholesky_grad(const GradContext& c) {
  const bool is_upper = attr_as<bool>(c.op, c.attrs, "upper");
  const Value l = is_upper ? adjoint(c.output) : c.output, up = is_upper ? adjoint(c.upstream) : c.upstream;
  const Value product = lower(mm(adjoint(l), lower(up)));
  const Value halved = where(on_diagonal(c.b, l.shape().back()), product * 0.5, product);
  const Value left = solve(adjoint(l), halved);                   // L^-T P
  const Value whole = adjoint(solve(adjoint(l), adjoint(left)));  // L^-T P L^-1
  return {(whole + adjoint(whole)) * 0.5};
}

Grads inv_grad(const GradContext& c) {
  const Value inverse = adjoint(c.output);
  return {-mm(inverse, mm(c.upstream, inverse))};
}

Grads solve_grad(const GradContext& c) {
  const Value db = solve(adjoint(c.inputs[0]), c.upstream);
  return {-mm(db, adjoint(c.output)), db};
}

Grads det_grad(const GradContext& c) {
  return {adjoint(unary("inv", c.inputs[0])) * column(column(c.upstream * conj(c.output)))};
}

Grads slogdet_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  Parts parts(c.upstream);
  const Value to_sign = parts.next(m.batch);
  Value scale = parts.next(m.batch);
  // A real sign does not change; d sign = i sign Im tr(A^-1 dA).
  if (is_complex(scale.dtype())) {
    const Value turn = unary("imag", to_sign * conj(Parts(c.output).next(m.batch)));
    scale = binary("complex", real_part(scale), turn);
  }
  return {adjoint(unary("inv", c.inputs[0])) * column(column(scale))};
}

// For A = QR with as many columns as rows, or fewer.
Value tall_qr_grad(const QR& x, Value dq, Value dr) {
  const Value between = mm(x.r, adjoint(dr)) - mm(adjoint(dq), x.q);
  // The diagonal of R is real.
  const Value part = lower(where(on_diagonal(*dq.builder, between.shape().back()), between * 0.5, between));
  const Value symmetric = part + adjoint(part);
  return adjoint(solve(x.r, adjoint(dq + mm(x.q, symmetric))));
}

Grads qr_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const bool tall = m.least == m.columns, complete = attr_as<bool>(c.op, c.attrs, "complete");
  if (complete && tall && !(m.rows == m.columns))
    throw_error(ErrorKind::value,
                "qr: got mode='complete' for matrices with more rows than columns, in a gradient; need a "
                "decomposition that is unique; try mode='reduced'");
  const QR x = parts_of_qr(c.output, m, complete), up = parts_of_qr(c.upstream, m, complete);
  const Value dr = upper(up.r);
  if (tall) return {tall_qr_grad(x, up.q, dr)};
  // A = [X Y] with X square, R = [U V]; then Y = QV.
  const Dim rest = m.columns - m.rows;
  const Value dv = columns_of(dr, m.rows, rest), y = columns_of(c.inputs[0], m.rows, rest);
  const Value dx =
      tall_qr_grad({x.q, columns_of(x.r, 0, m.rows)}, up.q + mm(y, adjoint(dv)), columns_of(dr, 0, m.rows));
  return {c.b.emit(op("concat"), std::vector<Value>{dx, mm(x.q, dv)}, {int64_t{-1}})};
}

Value svd_grad_of(Value a, SVD x, Value du, Value ds, Value dvh) {
  const Matrices m = matrices_of(a.shape(), a.builder->env());
  const Value squares = x.s * x.s;
  const Value v = adjoint(x.vh), dv = adjoint(dvh);
  const auto skew = [](Value y) { return y - adjoint(y); };
  Value core = over_differences(skew(mm(adjoint(x.u), du)), squares) * row(x.s) +
               column(x.s) * over_differences(skew(mm(x.vh, dv)), squares) + diagonal_matrix(real_part(ds));
  // The phases of a pair of vectors are free; whatever a function of them does with one, it undoes with the other.
  if (is_complex(a.dtype())) {
    const Value turned = skew(mm(adjoint(x.u), du)) * 0.5 / row(x.s);
    core = core + where(on_diagonal(*a.builder, m.least), turned, a.builder->scalar(a.dtype(), 0));
  }
  Value da = mm(mm(x.u, core), x.vh);
  // What leaves the spaces of the singular vectors.
  if (!(m.least == m.rows)) {
    const Value scaled = du / row(x.s);
    da = da + mm(scaled - mm(x.u, mm(adjoint(x.u), scaled)), x.vh);
  }
  if (!(m.least == m.columns)) {
    const Value scaled = dvh / column(x.s);
    da = da + mm(x.u, scaled - mm(mm(scaled, v), x.vh));
  }
  return da;
}

// With full_matrices the columns beyond the singular values are no functions of the input; they have no gradient.
Grads svd_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const bool full = attr_as<bool>(c.op, c.attrs, "full_matrices");
  SVD x = parts_of_svd(c.output, m, full), up = parts_of_svd(c.upstream, m, full);
  if (full)
    for (SVD* each : {&x, &up}) *each = {columns_of(each->u, 0, m.least), each->s, rows_of(each->vh, 0, m.least)};
  return {svd_grad_of(c.inputs[0], x, up.u, up.s, up.vh)};
}

Grads svdvals_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const SVD x = parts_of_svd(c.b.emit("svd", {c.inputs[0]}, {false}), m, false);
  return {mm(x.u * row(c.upstream), x.vh)};
}

Grads eigh_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const Eigen x = parts_of_eigh(c.output, m), up = parts_of_eigh(c.upstream, m);
  const Value core =
      over_differences(mm(adjoint(x.vectors), up.vectors), x.values) + diagonal_matrix(real_part(up.values));
  return {mm(mm(x.vectors, core), adjoint(x.vectors))};
}

Grads eigvalsh_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const Value vectors = parts_of_eigh(unary("eigh", c.inputs[0]), m).vectors;
  return {mm(vectors * row(c.upstream), adjoint(vectors))};
}

// Of eigenvectors of unit length, whatever their phase.
Grads eig_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const Eigen x = parts_of_eigh(c.output, m), up = parts_of_eigh(c.upstream, m);
  const Value vh = adjoint(x.vectors), along = mm(vh, up.vectors);
  const Value lengths =
      where(on_diagonal(c.b, m.rows), cast(real_part(along), along.dtype()), c.b.scalar(along.dtype(), 0));
  const Value core =
      over_differences(along - mm(mm(vh, x.vectors), lengths), conj(x.values)) + diagonal_matrix(up.values);
  return {cast_back(solve(vh, mm(core, vh)), c.inputs[0])};
}

Grads eigvals_grad(const GradContext& c) {
  const Matrices m = matrices_of(c.inputs[0].shape(), c.b.env());
  const Value vh = adjoint(parts_of_eigh(unary("eig", c.inputs[0]), m).vectors);
  return {cast_back(solve(vh, column(c.upstream) * vh), c.inputs[0])};
}

Dim size_of_batch(const Matrices& m) { return element_count(m.batch); }

}  // namespace

std::vector<OpDef> linalg_ops() {
  std::vector<OpDef> rows = with(
      {.inputs = {"x"},
       .traits = Trait::internal | Trait::may_fail,  // if only for want of the library
       .accepts = Accepts::promote_to_float,
       .onnx = "none: ONNX has no decompositions of matrices"},
      {{.name = "cholesky",
        .attrs = {{"upper", AttrKind::boolean}},
        .infer = square_type,
        .grad = cholesky_grad,
        .doc = "Return the triangular L with L @ L^H = x, or U with U^H @ U = x."},
       {.name = "solve",
        .inputs = {"a", "b"},
        .infer = solve_type,
        .grad = solve_grad,
        .doc = "Return x with a @ x = b."},
       {.name = "inv", .infer = square_type, .grad = inv_grad, .doc = "Return the inverse of matrices."},
       {.name = "det",
        .infer = [](InferContext& c) { return TensorType{c.inputs[0].dtype, matrices(c, true).batch, {}}; },
        .grad = det_grad,
        .onnx = "Det",
        .doc = "Return determinants."},
       {.name = "slogdet",
        .infer =
            [](InferContext& c) {
              const Dim count = size_of_batch(matrices(c, true));
              return vector_type(c, {count, count});
            },
        .grad = slogdet_grad,
        .doc = "Return, as one vector, the signs of determinants and the logarithms of their sizes."},
       {.name = "qr",
        .attrs = {{"complete", AttrKind::boolean}},
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, false);
              const Dim inner = c.get<bool>("complete") ? m.rows : m.least, count = size_of_batch(m);
              return vector_type(c, {count * m.rows * inner, count * inner * m.columns});
            },
        .grad = qr_grad,
        .doc = "Return, as one vector, Q with orthonormal columns and upper triangular R with Q @ R = x."},
       {.name = "svd",
        .attrs = {{"full_matrices", AttrKind::boolean}},
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, false);
              const bool full = c.get<bool>("full_matrices");
              const Dim u = full ? m.rows : m.least, v = full ? m.columns : m.least, count = size_of_batch(m);
              return vector_type(c, {count * m.rows * u, count * m.least, count * v * m.columns});
            },
        .grad = svd_grad,
        .doc = "Return, as one vector, U, the singular values and V^H of U @ diag(S) @ V^H = x."},
       {.name = "svdvals",
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, false);
              return TensorType{real_type(c.inputs[0].dtype), with_axes(m.batch, {m.least}), {}};
            },
        .grad = svdvals_grad,
        .doc = "Return singular values, the largest first."},
       {.name = "eigh",
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, true);
              const Dim count = size_of_batch(m);
              return vector_type(c, {count * m.rows, count * m.rows * m.rows});
            },
        .grad = eigh_grad,
        .doc = "Return, as one vector, the eigenvalues of Hermitian matrices in ascending order, and eigenvectors."},
       {.name = "eigvalsh",
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, true);
              return TensorType{real_type(c.inputs[0].dtype), with_axes(m.batch, {m.rows}), {}};
            },
        .grad = eigvalsh_grad,
        .doc = "Return the eigenvalues of Hermitian matrices in ascending order."},
       {.name = "eig",
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, true);
              const Dim count = size_of_batch(m);
              return vector_type(complex_type(c.inputs[0].dtype), {count * m.rows, count * m.rows * m.rows});
            },
        .grad = eig_grad,
        .doc = "Return, as one vector, the eigenvalues of matrices and eigenvectors, both complex."},
       {.name = "eigvals",
        .infer =
            [](InferContext& c) {
              const Matrices m = matrices(c, true);
              return TensorType{complex_type(c.inputs[0].dtype), with_axes(m.batch, {m.rows}), {}};
            },
        .grad = eigvals_grad,
        .doc = "Return the eigenvalues of matrices, complex."}});
  for (OpDef& row : rows) row.lower = Structure::library;
  return rows;
}

}  // namespace tandem
