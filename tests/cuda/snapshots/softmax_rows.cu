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
template <class T> __device__ __forceinline__ T from_lane(T x, int lane, int width) {
  return (T)__shfl_sync(~0u, (i32)x, lane, width);
}
#define FROM_LANE(T) \
  __device__ __forceinline__ T from_lane(T x, int lane, int width) { return __shfl_sync(~0u, x, lane, width); }
FROM_LANE(u32) FROM_LANE(i64) FROM_LANE(u64) FROM_LANE(f32) FROM_LANE(f64)
#undef FROM_LANE
__device__ __forceinline__ i64 dynamic_shared_bytes() {
#ifdef __CUDA_ARCH__
  u32 bytes;
  asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
  return bytes;
#else
  return emulation::dynamic_bytes;
#endif
}
__device__ __forceinline__ void sync_team(int threads) {
  if (threads <= 32) __syncwarp(); else __syncthreads();
}
struct Args { void* ptrs[2]; i64 vals[6]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(512, 2) tandem_kernel(const Args args) {
  const i64 s0 = args.vals[0];
  const i64 s1 = args.vals[1];
  const i64 s2 = args.vals[2];
  const i64 s3 = args.vals[3];
  const i64 s4 = args.vals[4];
  const i64 s5 = args.vals[5];
  f32* const b0 = (f32*)args.ptrs[0];
  f32* const b2 = (f32*)args.ptrs[1];
  const int team = blockDim.x, tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, warps = team >> 5;
  const int width = team < 32 ? team : 32;
  const i64 rows = (i64)1 * s0;
  const i64 whole = (i64)1 * s1;
  extern __shared__ u64 dynamic_shared[];
  const i64 unit = (whole * 4 + 63) / 64 * 64;
  const i64 kept = unit + 0;
  const bool keeps = args.scratch == nullptr && kept * blockDim.y <= dynamic_shared_bytes();
  char* const scratch = args.scratch != nullptr
      ? (char*)args.scratch + ((i64)blockIdx.x * blockDim.y + threadIdx.y) * unit
      : (char*)dynamic_shared + threadIdx.y * unit;
  f32* const q1 = (f32*)(scratch + 0);
  f32* const k0 = (f32*)q1;
  __shared__ f32 shared0[64];
  __shared__ f32 shared1[64];
  for (i64 first = (i64)blockIdx.x * blockDim.y; first < rows; first += (i64)gridDim.x * blockDim.y) {
    const bool active = first + threadIdx.y < rows;
    const i64 row = active ? first + threadIdx.y : first;
    i64* const status = active ? args.status : nullptr;
    const i64 i0 = row;
    const i64 total = whole;
    const i64 own = active ? total : 0;
    f32 r0 = __int_as_float(0xff800000);
    f32 r1 = 0.0f;
    {
      if (total > 0) {
        f32* const p0 = b0 + (s2 + s3 * i0);
        f32 a0;
        if (warp == 0) {
          a0 = __int_as_float(0xff800000);
          i64 from = 0 + lane;
          for (; from + 15 * 32 < own; from += 16 * 32) {
            f32 l0[16];
            #pragma unroll
            for (int u = 0; u < 16; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = p0[i1];
            }
            #pragma unroll
            for (int u = 0; u < 16; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              if (keeps) k0[r] = l0[u];
              const f32 v0 = l0[u];
              a0 = v0 != v0 || v0 > a0 ? v0 : a0;
            }
          }
          for (; from + 3 * 32 < own; from += 4 * 32) {
            f32 l0[4];
            #pragma unroll
            for (int u = 0; u < 4; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = p0[i1];
            }
            #pragma unroll
            for (int u = 0; u < 4; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              if (keeps) k0[r] = l0[u];
              const f32 v0 = l0[u];
              a0 = v0 != v0 || v0 > a0 ? v0 : a0;
            }
          }
          for (; from + 0 * 32 < own; from += 1 * 32) {
            f32 l0[1];
            #pragma unroll
            for (int u = 0; u < 1; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = p0[i1];
            }
            #pragma unroll
            for (int u = 0; u < 1; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              if (keeps) k0[r] = l0[u];
              const f32 v0 = l0[u];
              a0 = v0 != v0 || v0 > a0 ? v0 : a0;
            }
          }
          #pragma unroll
          for (int half = 16; half > 0; half >>= 1) {
            if (half >= width) continue;
            const f32 w0 = from_lane(a0, lane + half, width);
            a0 = w0 != w0 || w0 > a0 ? w0 : a0;
          }
        }
        if (team <= 32) {
          const f32 w0 = from_lane(a0, 0, width);
          r0 = w0;
        } else {
          if (tid == 0) {
            shared0[0] = a0;
          }
          __syncthreads();
          r0 = shared0[0];
          __syncthreads();
        }
      }
      sync_team(team);
    }
    {
      if (total > 0) {
        const f32 v0 = r0;
        const f32 v3 = 1.0f;
        const f32 v4 = 0.5f;
        f32* const p0 = b0 + (s2 + s3 * i0);
        f32 a1;
        if (warp == 0) {
          a1 = 0.0f;
          const f32* const n0 = keeps ? k0 : p0;
          i64 from = 0 + lane;
          for (; from + 15 * 32 < own; from += 16 * 32) {
            f32 l0[16];
            #pragma unroll
            for (int u = 0; u < 16; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = n0[r];
            }
            #pragma unroll
            for (int u = 0; u < 16; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              const f32 v1 = l0[u];
              const f32 v2 = v1 - v0;
              const f32 v5 = v2 * v4;
              const f32 v6 = v5 + v3;
              const f32 v7 = __fmaf_rn(v2, v6, v3);
              q1[r] = v7;
              a1 = a1 + v7;
            }
          }
          for (; from + 3 * 32 < own; from += 4 * 32) {
            f32 l0[4];
            #pragma unroll
            for (int u = 0; u < 4; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = n0[r];
            }
            #pragma unroll
            for (int u = 0; u < 4; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              const f32 v1 = l0[u];
              const f32 v2 = v1 - v0;
              const f32 v5 = v2 * v4;
              const f32 v6 = v5 + v3;
              const f32 v7 = __fmaf_rn(v2, v6, v3);
              q1[r] = v7;
              a1 = a1 + v7;
            }
          }
          for (; from + 0 * 32 < own; from += 1 * 32) {
            f32 l0[1];
            #pragma unroll
            for (int u = 0; u < 1; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              l0[u] = n0[r];
            }
            #pragma unroll
            for (int u = 0; u < 1; ++u) {
              const i64 r = from + u * 32;
              const i64 i1 = r;
              const f32 v1 = l0[u];
              const f32 v2 = v1 - v0;
              const f32 v5 = v2 * v4;
              const f32 v6 = v5 + v3;
              const f32 v7 = __fmaf_rn(v2, v6, v3);
              q1[r] = v7;
              a1 = a1 + v7;
            }
          }
          #pragma unroll
          for (int half = 16; half > 0; half >>= 1) {
            if (half >= width) continue;
            const f32 w1 = from_lane(a1, lane + half, width);
            a1 = a1 + w1;
          }
        }
        if (team <= 32) {
          const f32 w1 = from_lane(a1, 0, width);
          r1 = w1;
        } else {
          if (tid == 0) {
            shared1[0] = a1;
          }
          __syncthreads();
          r1 = shared1[0];
          __syncthreads();
        }
      }
      sync_team(team);
    }
    {
      if (total > 0) {
        const f32 v0 = r1;
        f32* const p2 = b2 + (s4 + s5 * i0);
        i64 from = tid;
        for (; from + 7 * team < own; from += 8 * team) {
          f32 l1[8];
          #pragma unroll
          for (int u = 0; u < 8; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            l1[u] = q1[r];
          }
          #pragma unroll
          for (int u = 0; u < 8; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            const f32 v1 = l1[u];
            const f32 v2 = v1 / v0;
            p2[i1] = v2;
          }
        }
        for (; from + 1 * team < own; from += 2 * team) {
          f32 l1[2];
          #pragma unroll
          for (int u = 0; u < 2; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            l1[u] = q1[r];
          }
          #pragma unroll
          for (int u = 0; u < 2; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            const f32 v1 = l1[u];
            const f32 v2 = v1 / v0;
            p2[i1] = v2;
          }
        }
        for (; from + 0 * team < own; from += 1 * team) {
          f32 l1[1];
          #pragma unroll
          for (int u = 0; u < 1; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            l1[u] = q1[r];
          }
          #pragma unroll
          for (int u = 0; u < 1; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            const f32 v1 = l1[u];
            const f32 v2 = v1 / v0;
            p2[i1] = v2;
          }
        }
      }
      sync_team(team);
    }
  }
}
