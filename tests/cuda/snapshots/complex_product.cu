typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;
typedef u16 f16;
typedef u16 bf16;
typedef float f32;
typedef double f64;
__device__ __forceinline__ i64 smaller(i64 a, i64 b) { return a < b ? a : b; }
__device__ __forceinline__ int bits_for(i64 extent, int most) {
  const int bits = extent > 1 ? 64 - __clzll(extent - 1) : 0;
  return bits < most ? bits : most;
}
struct Args { void* ptrs[3]; i64 vals[1]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256, 6) tandem_kernel(const Args args) {
  const i64 s0 = args.vals[0];
  f32* const b0 = (f32*)args.ptrs[0];
  f32* const b1 = (f32*)args.ptrs[1];
  f32* const b2 = (f32*)args.ptrs[2];
  const i64 n = s0;
  i64* const status = args.status;
  const int width = bits_for((n + 0) >> 0, 5);
  const i64 piece = (i64)1 << width, all = (n + piece - 1) >> (width + 0);
  const int more = all >= 4 && ((i64)1 * all) << width >= 1048576 ? 2 : 0;
  const i64 pieces = (all + (1 << more) - 1) >> more, items = ((i64)1 * pieces) << width;
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < items; item += (i64)gridDim.x * 256) {
    const int lane = (int)item & ((1 << width) - 1);
    const i64 first = ((item >> width) * piece) << more;
    {
      f32* const p0 = b0 + (0);
      f32* const p1 = b0 + (1);
      f32* const p2 = b1 + (0);
      f32* const p3 = b1 + (1);
      f32* const p4 = b2 + (0);
      f32* const p5 = b2 + (1);
      const i64 stop = smaller(n, first + (piece << more));
      for (i64 start = first; start < stop; start += piece) {
        for (int e = 0; e < 1; ++e) {
          const i64 i0 = start + lane + ((i64)e << width);
          if (i0 >= n) break;
          const f32 v0 = p0[2 * i0];
          const f32 v1 = p1[2 * i0];
          const f32 v2 = p2[2 * i0];
          const f32 v3 = p3[2 * i0];
          const f32 v4 = v1 * v3;
          const f32 v5 = v0 * v2;
          const f32 v6 = v5 - v4;
          const f32 v7 = v1 * v2;
          const f32 v8 = v0 * v3;
          const f32 v9 = v8 + v7;
          p4[2 * i0] = v6;
          p5[2 * i0] = v9;
        }
      }
    }
  }
}
