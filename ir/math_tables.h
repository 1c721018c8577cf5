// Constants of the mathematical functions, made by benchmarks/accuracy/fit.py, which says how. Coefficients
// start with the constant term. Errors are relative to the function that the polynomial is part of.
#pragma once
// clang-format off
#include <array>
#include <cstdint>

namespace tandem::math {

// (e^r - 1 - r) / r^2 (error 2^-28.0)
inline constexpr std::array<double, 5> kExpF32{
    0x1p-1, 0x1.5554a2p-3, 0x1.55567ep-5, 0x1.12305cp-7, 0x1.6b794ep-10};

// (2^r - 1) / r (error 2^-28.3)
inline constexpr std::array<double, 6> kExp2F32{
    0x1.62e43p-1, 0x1.ebfbdcp-3, 0x1.c6af7ap-5, 0x1.3b2dd8p-7, 0x1.5f096ep-10, 0x1.41746p-13};

// (cosh r - 1) / z, z = r^2 (error 2^-33.2)
inline constexpr std::array<double, 3> kCoshF32{
    0x1p-1, 0x1.5554e6p-5, 0x1.6d4f24p-10};

// (sinh r - r) / (r z), z = r^2 (error 2^-34.3)
inline constexpr std::array<double, 3> kSinhF32{
    0x1.555556p-3, 0x1.110fbep-7, 0x1.a2e2f6p-13};

// (e^r - 1 - r) / r^2 (error 2^-63.8)
inline constexpr std::array<double, 11> kExpF64{
    0x1p-1, 0x1.555555555555ap-3, 0x1.555555555553p-5, 0x1.111111110f155p-7, 0x1.6c16c16c2754ep-10,
    0x1.a01a01b1ef6a9p-13, 0x1.a01a015078d79p-16, 0x1.71ddf365ab1cep-19, 0x1.27e5919406dfcp-22, 0x1.af66ffc7ca11ap-26,
    0x1.1e5fc191b651bp-29};

// (2^r - 1) / r (error 2^-59.7)
inline constexpr std::array<double, 12> kExp2F64{
    0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58ep-3, 0x1.c6b08d704a1d5p-5, 0x1.3b2ab6fba5199p-7, 0x1.5d87fe7874053p-10,
    0x1.430912f759426p-13, 0x1.ffcbfd4ac1472p-17, 0x1.62c027191de0bp-20, 0x1.b5232ee4493e5p-24, 0x1.e4bbdfe145909p-28,
    0x1.ec76341224f8bp-32, 0x1.e060d98dc1465p-36};

// (cosh r - 1) / z, z = r^2 (error 2^-58.0)
inline constexpr std::array<double, 5> kCoshF64{
    0x1.000000000000cp-1, 0x1.555555554fd68p-5, 0x1.6c16c1863dacap-10, 0x1.a019950158008p-16, 0x1.28b1bbf9ccd26p-22};

// (sinh r - r) / (r z), z = r^2 (error 2^-65.2)
inline constexpr std::array<double, 6> kSinhF64{
    0x1.5555555555555p-3, 0x1.1111111111386p-7, 0x1.a01a019ea19a1p-13, 0x1.71de407b73849p-19, 0x1.ae4cf39f9e933p-26,
    0x1.827bb3222b8adp-33};

// (2^r - 1) / r, for the result of a float32 pow (error 2^-34.3)
inline constexpr std::array<double, 7> kExp2Pow{
    0x1.62e42fef7af98p-1, 0x1.ebfbe07b80b79p-3, 0x1.c6b08df542ca9p-5, 0x1.3b29f0332c9ccp-7, 0x1.5d8722b891e91p-10,
    0x1.445f196224dfbp-13, 0x1.00f1c24f94baep-16};

// (tanh(x) - x) / (x z), z = x^2, |x| <= 1 (error 2^-30.9)
inline constexpr std::array<double, 8> kTanhF32{
    -0x1.555552p-2, 0x1.11103cp-3, -0x1.b9f6dep-5, 0x1.64c0a4p-6, -0x1.18de98p-7, 0x1.8f9f5p-9, -0x1.aee90ap-11,
    0x1.e86cd6p-14};

// (log(1 + f) - f) / f^2 (error 2^-27.7)
inline constexpr std::array<double, 9> kLogF32{
    -0x1p-1, 0x1.555506p-2, -0x1.fffefap-3, 0x1.99d04ap-3, -0x1.559c8cp-3, 0x1.1ed5cep-3, -0x1.f32c5ep-4, 0x1.1e6bp-3,
    -0x1.07d54ap-3};

// the same for log2 (error 2^-27.7)
inline constexpr std::array<double, 9> kLog2F32{
    -0x1.715476p-1, 0x1.ec703p-2, -0x1.7153ep-2, 0x1.279d6ep-2, -0x1.ecd0dcp-3, 0x1.9de5fap-3, -0x1.684f54p-3,
    0x1.9cdd1ap-3, -0x1.7bdccep-3};

// (log(1 + f) - f) / f^2 (error 2^-56.9)
inline constexpr std::array<double, 20> kLogF64{
    -0x1.ffffffffffff8p-2, 0x1.5555555555538p-2, -0x1.00000000014c6p-2, 0x1.99999999a037p-3, -0x1.555555535a883p-3,
    0x1.249249209c05bp-3, -0x1.000000b04c392p-3, 0x1.c71c741834a88p-4, -0x1.9999567dbf603p-4, 0x1.745cb45a8a3dep-4,
    -0x1.555cf8f217909p-4, 0x1.3b1dd66fcf59dp-4, -0x1.2407b0640516fp-4, 0x1.1067f630ad93p-4, -0x1.0622f90ba134p-4,
    0x1.efd5bd68b2dbdp-5, -0x1.738a6049cbb45p-5, 0x1.55bb7aa352911p-5, -0x1.641ae5a894533p-4, 0x1.5c6f391625efdp-4};

// the same for log2 (error 2^-56.8)
inline constexpr std::array<double, 20> kLog2F64{
    -0x1.71547652b82f8p-1, 0x1.ec709dc3a03edp-2, -0x1.71547652ba0d1p-2, 0x1.2776c50efd3b8p-2, -0x1.ec709dc0ce40bp-3,
    0x1.a61762a2cc66cp-3, -0x1.7154774e0826cp-3, 0x1.484b155e1bc9cp-3, -0x1.2776952019d14p-3, 0x1.0c9a41352e07cp-3,
    -0x1.ec7b8d814c7bfp-4, 0x1.c69d71db2810cp-4, -0x1.a55093c3caf23p-4, 0x1.89057ffe60528p-4, -0x1.7a25b59f9674ep-4,
    0x1.65847b477fe08p-4, -0x1.0c2ad53800dd6p-4, 0x1.ee2a99f678afcp-5, -0x1.00bada833bbbep-3, 0x1.f5be96639282fp-4};

// (log(1 + f) - f) / f^2 (error 2^-38.4)
inline constexpr std::array<double, 13> kLogPow{
    -0x1.000000001811ap-1, 0x1.5555553b57b84p-2, -0x1.ffffff5fd3aacp-3, 0x1.9999bcbde29dp-3, -0x1.555597bb509c3p-3,
    0x1.248a67abfb7bep-3, -0x1.ffe8dc4e1d1b8p-4, 0x1.c8b99ea6362d7p-4, -0x1.9b9d7dadf78d6p-4, 0x1.5f443ca3923b5p-4,
    -0x1.3dde92f703ae7p-4, 0x1.be12064d1e1afp-4, -0x1.a9c7e1608e219p-4};

// (3 atanh(s) / s - 3 - z) / z^2, z = s^2 (error 2^-73.5)
inline constexpr std::array<double, 8> kAtanh{
    0x1.333333333333p-1, 0x1.b6db6db6dc91dp-2, 0x1.55555554141b4p-2, 0x1.1745d22b94fbbp-2, 0x1.d89d10f55a058p-3,
    0x1.99b187de71031p-3, 0x1.669d1f862264ap-3, 0x1.709b81480f934p-3};

// (sin r - r) / (r z), z = r^2, |r| <= pi/2 (error 2^-43.7)
inline constexpr std::array<double, 6> kSinHalf{
    -0x1.55555555470b1p-3, 0x1.1111110a5210fp-7, -0x1.a019fd578a8a7p-13, 0x1.71dcf7e82ba44p-19,
    -0x1.ae03e47dd3f5ep-26, 0x1.52da78c120bb5p-33};

// (sin r - r) / (r z), |r| <= pi/4, for a float32 tangent (error 2^-37.6)
inline constexpr std::array<double, 4> kSinTan{
    -0x1.5555554cb76cap-3, 0x1.1111089474cd6p-7, -0x1.a00f9c25b0c02p-13, 0x1.6cd7fb54363e1p-19};

// (cos r - 1 + z / 2) / z^2, for a float32 tangent (error 2^-43.2)
inline constexpr std::array<double, 4> kCosTan{
    0x1.5555554f4c7bcp-5, -0x1.6c16b896d4f06p-10, 0x1.a0111ed61a0b5p-16, -0x1.242a8f497fb8ap-22};

// (sin r - r) / (r z), |r| <= pi/4 (error 2^-58.0)
inline constexpr std::array<double, 6> kSinF64{
    -0x1.5555555555549p-3, 0x1.111111110f8a2p-7, -0x1.a01a019c154d4p-13, 0x1.71de357a3bf2bp-19,
    -0x1.ae5e67d39b05ep-26, 0x1.5d9362daa8c95p-33};

// (cos r - 1 + z / 2) / z^2 (error 2^-64.2)
inline constexpr std::array<double, 6> kCosF64{
    0x1.555555555554cp-5, -0x1.6c16c16c1521cp-10, 0x1.a01a019cbee0cp-16, -0x1.27e4f812397b8p-22,
    0x1.1ee9f0ec277e8p-29, -0x1.8fb0f439bfd41p-37};

// pi in parts of 53 bits
inline constexpr std::array<double, 3> kPi{
    0x1.921fb54442d18p1, 0x1.1a62633145c07p-53, -0x1.f1976b7ed8fbcp-109};

// ln 2, the first part short enough for exact products with exponents
inline constexpr std::array<double, 2> kLn2F32{
    0x1.62e4p-1, 0x1.7f7d1cp-20};

// the same for float64
inline constexpr std::array<double, 2> kLn2F64{
    0x1.62e42fefa4p-1, -0x1.8432a1b0e2634p-43};

// 1 / ln 2
inline constexpr std::array<double, 2> kLog2eF32{
    0x1.715476p0, 0x1.4ae0cp-26};

// 1 / ln 2
inline constexpr std::array<double, 2> kLog2eF64{
    0x1.71547652b82fep0, 0x1.777d0ffda0d24p-56};

// 2 / (3 ln 2)
inline constexpr std::array<double, 2> kPowScale{
    0x1.ec709dc3a03fdp-1, 0x1.d27f05548af0cp-55};

// The first 1280 binary digits of 2/pi after the point.
inline constexpr std::array<uint64_t, 20> kTwoOverPi{
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

// erf(x) / x - 1 by u = x^2 - 1/2, |x| <= 1 (error 2^-29.1)
inline constexpr std::array<double, 7> kErfF32{
    -0x1.1ae14ep-5, -0x1.1fd164p-2, 0x1.454374p-4, -0x1.2b8da2p-6, 0x1.c817dap-9, -0x1.288cdcp-11, 0x1.4fee6p-14};

// erf(x) / x - 1 by u = x^2 - 1/2, |x| <= 1 (error 2^-59.4)
inline constexpr std::array<double, 15> kErfF64{
    -0x1.1ae14dc34815ap-5, -0x1.1fd16292151fdp-2, 0x1.454368017b059p-4, -0x1.2b902b7b2f552p-6, 0x1.c82aa249d516dp-9,
    -0x1.263991b74b642p-11, 0x1.486638d7d55bep-14, -0x1.429e966d663dbp-17, 0x1.1ad5a82315409p-20,
    -0x1.bf84902f30003p-24, 0x1.4347a7fa21747p-27, -0x1.babff13315a5dp-31, 0x1.18075e2630996p-38,
    0x1.1810f93a6961p-35, 0x1.fdc47cbe3123dp-35};

// -log2(erfc(a)) / a, a in [1, 4] (error 2^-33.0)
inline constexpr std::array<double, 8> kErfcF32{
    0x1.a0d34cp0, 0x1.d55a9cp-1, 0x1.383308p-3, -0x1.10d9f8p-5, 0x1.2c9498p-8, -0x1.a0c68ap-13, -0x1.5a62c2p-15,
    0x1.59cab2p-18};

// exp(a^2) erfc(a) by t = (a - 2) / (a + 2), a in [1, 6]; error as part of erf (error 2^-63.5)
inline constexpr std::array<double, 15> kErfcF64{
    0x1.058671b52c776p-2, -0x1.b57034efd3f71p-2, 0x1.eeea7dc8a77efp-3, -0x1.437f0b68c26acp-4, 0x1.e9471598cf74dp-9,
    0x1.ca95ed64ce142p-8, -0x1.bc25a32d0aa65p-11, -0x1.016b690c069dfp-10, 0x1.6d560d3b45fbbp-15,
    0x1.6dabe0d3e1d65p-13, 0x1.cf548a0415172p-16, -0x1.cb80c7c74a32bp-16, -0x1.e0cfb7927ba2bp-17,
    -0x1.58c090bad771cp-21, 0x1.d72f13c810c5fp-21};

// (atan t - t) / (t z), z = t^2, |t| <= 7/16 (error 2^-57.7)
inline constexpr std::array<double, 11> kAtanF64{
    -0x1.555555555550bp-2, 0x1.999999998e7d2p-3, -0x1.2492491ff28d9p-3, 0x1.c71c6fdaca23bp-4, -0x1.745cdb9ac55bp-4,
    0x1.3b0f1fac1af89p-4, -0x1.10d5f9cdf9b26p-4, 0x1.dddd4004c1338p-5, -0x1.979eabfa1a65dp-5, 0x1.2b133a3c0a0b8p-5,
    -0x1.0a75806a86285p-6};

// the same for a float32 result (error 2^-39.0)
inline constexpr std::array<double, 7> kAtanSingle{
    -0x1.555555484e0f4p-2, 0x1.99998bd11b2acp-3, -0x1.248fcf0948193p-3, 0x1.c6af94143051fp-4, -0x1.6f4c4240f286p-4,
    0x1.190026221dd4fp-4, -0x1.243eddae17b02p-5};

// atan(1/2)
inline constexpr std::array<double, 2> kAtanHalf{
    0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56};

// log10(2), the first part short enough for exact products with exponents
inline constexpr std::array<double, 2> kLog10Of2{
    0x1.34413509f8p-2, -0x1.80433b83b532ap-44};

// 1 / ln 10
inline constexpr std::array<double, 2> kLog10e{
    0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};

}  // namespace tandem::math
