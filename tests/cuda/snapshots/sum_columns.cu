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
__device__ __forceinline__ i64 take(i64& rest, i64 extent) {
  if (((u64)(rest | extent) >> 32) == 0) {
    const u32 before = (u32)rest, by = (u32)extent, quotient = before / by;
    rest = quotient;
    return before - quotient * by;
  }
  const i64 before = rest;
  rest /= extent;
  return before - rest * extent;
}
__device__ __forceinline__ i64 smaller(i64 a, i64 b) { return a < b ? a : b; }
struct Args { void* ptrs[2]; i64 vals[4]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(1024, 2) tandem_kernel(const Args args) {
  const i64 s0 = args.vals[0];
  const i64 s1 = args.vals[1];
  const i64 s2 = args.vals[2];
  const i64 s3 = args.vals[3];
  f32* const b0 = (f32*)args.ptrs[0];
  f32* const b1 = (f32*)args.ptrs[1];
  const int x = threadIdx.x, y = threadIdx.y, width = blockDim.x;
  const i64 columns = s0, strips = (columns + width - 1) / width;
  const i64 tiles = (i64)1 * strips;
  const i64 total = (i64)1 * s1;
  __shared__ u64 shared_lanes[1024];
  for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    i64 number = tile;
    const i64 nth = take(number, strips) * width + x;
    const bool active = nth < columns;
    const i64 i0 = active ? nth : columns - 1, own = active ? total : 0;
    i64* const status = active ? args.status : nullptr;
    f32 r0 = 0.0f;
    {
      if (total > 0) {
        f32* const p0 = b0 + (s2 + i0);
        f32 a0;
        f32 kept0[48];
        int top = 0;
        for (i64 block = 0, begin = 0; begin < total; ++block, begin += 4096) {
          const i64 end = smaller(own, begin + 4096);
          a0 = 0.0f;
          i64 from = begin + y;
          for (; from + 7 * 32 < end; from += 8 * 32) {
            f32 l0[8];
            #pragma unroll
            for (int u = 0; u < 8; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = p0[s3 * i1];
            }
            #pragma unroll
            for (int u = 0; u < 8; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              const f32 v0 = l0[u];
              a0 = a0 + v0;
            }
          }
          for (; from + 1 * 32 < end; from += 2 * 32) {
            f32 l0[2];
            #pragma unroll
            for (int u = 0; u < 2; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = p0[s3 * i1];
            }
            #pragma unroll
            for (int u = 0; u < 2; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              const f32 v0 = l0[u];
              a0 = a0 + v0;
            }
          }
          for (; from + 0 * 32 < end; from += 1 * 32) {
            f32 l0[1];
            #pragma unroll
            for (int u = 0; u < 1; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = p0[s3 * i1];
            }
            #pragma unroll
            for (int u = 0; u < 1; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              const f32 v0 = l0[u];
              a0 = a0 + v0;
            }
          }
          {
            f32(*const lanes)[32] = (f32(*)[32])shared_lanes;
            lanes[y][x] = a0;
            #pragma unroll
            for (int half = 16; half > 0; half >>= 1) {
              __syncthreads();
              if (y < half) {
                lanes[y][x] = lanes[y][x] + lanes[y + half][x];
              }
            }
            __syncthreads();
            a0 = lanes[0][x];
            __syncthreads();
          }
          for (i64 count = block; (count & 1) != 0; count >>= 1) {
            --top;
            kept0[top] = kept0[top] + a0;
            a0 = kept0[top];
          }
          kept0[top] = a0;
          ++top;
        }
        for (; top > 1; --top) {
          kept0[top - 2] = kept0[top - 2] + kept0[top - 1];
        }
        r0 = kept0[0];
      }
      __syncthreads();
    }
    {
      if (y == 0 && active) {
        const f32 v0 = r0;
        f32* const p1 = b1 + (i0);
        p1[0] = v0;
      }
      __syncthreads();
    }
  }
}
